package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const leaseType = "pachyderm_tokens"

func (b *backend) tokenLease() *framework.Secret {
	return &framework.Secret{Type: leaseType, Renew: b.renewLease, Revoke: b.revokeLease}
}

func (b *backend) renewLease(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	session, err := b.session(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	held := req.Secret.InternalData
	token, _ := held["user_token"].(string)
	if _, err := session.pachd.whoAmI(ctx, token); err != nil {
		return nil, err
	}
	margin := time.Duration(session.config.RequestTimeout) * time.Second
	end := time.Unix(number(held["token_end"]), 0).Add(-margin)
	limit := req.Secret.IssueTime.Add(b.System().MaxLeaseTTL())
	if end.Before(limit) {
		limit = end
	}
	left := time.Until(limit)
	if left < time.Second {
		return nil, errors.New("the lease has reached its longest life: log in again")
	}
	asked := req.Secret.Increment
	if asked == 0 {
		asked = time.Duration(number(held["ttl"])) * time.Second
	}
	response := &logical.Response{Secret: req.Secret}
	response.Secret.TTL = min(asked, left)
	response.Secret.MaxTTL = limit.Sub(req.Secret.IssueTime)
	return response, nil
}

func (b *backend) revokeLease(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	session, err := b.session(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	token, _ := req.Secret.InternalData["user_token"].(string)
	_, err = session.pachd.revoke(ctx, token)
	return nil, err
}

// number is a number of the lease's data, as it was put there or as it came back.
func number(value any) int64 {
	switch value := value.(type) {
	case json.Number:
		n, _ := value.Int64()
		return n
	case float64:
		return int64(value)
	case int64:
		return value
	}
	return 0
}
