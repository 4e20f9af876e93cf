package main

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

var tokenFields = map[string]*framework.FieldSchema{
	"user_token": {Type: framework.TypeString},
	"increment":  {Type: framework.TypeDurationSecond},
}

func (b *backend) renewPath() *framework.Path {
	return &framework.Path{
		Pattern: "renew",
		Fields:  tokenFields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: &framework.PathOperation{Callback: b.renewToken},
		},
	}
}

func (b *backend) renewToken(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	session, err := b.session(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	if _, err := session.pachd.whoAmI(ctx, data.Get("user_token").(string)); err != nil {
		return nil, err
	}
	return logical.ErrorResponse("pachd 2.x cannot extend a token: renew its lease"), nil
}

func (b *backend) revokePath() *framework.Path {
	return &framework.Path{
		Pattern: "revoke",
		Fields:  tokenFields,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: &framework.PathOperation{Callback: b.revokeToken},
		},
	}
}

func (b *backend) revokeToken(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	session, err := b.session(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	number, err := session.pachd.revoke(ctx, data.Get("user_token").(string))
	if err != nil {
		return nil, err
	}
	return &logical.Response{Data: map[string]any{"number": number}}, nil
}
