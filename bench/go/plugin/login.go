package main

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const unsetMaxTTL = 24 * time.Hour // of a renewable token, as our engine has it

func (b *backend) loginPath() *framework.Path {
	return &framework.Path{
		Pattern: "login/(?P<subject>.+)",
		Fields: map[string]*framework.FieldSchema{
			"subject":   {Type: framework.TypeString},
			"ttl":       {Type: framework.TypeDurationSecond},
			"renewable": {Type: framework.TypeBool, Default: true},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.UpdateOperation: &framework.PathOperation{Callback: b.login},
		},
	}
}

func (b *backend) login(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	session, err := b.session(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	config := session.config
	subject := data.Get("subject").(string)
	if err := config.mayMint(subject); err != nil {
		return logical.ErrorResponse(err.Error()), nil
	}
	ttl, maxTTL := b.ttls(config)
	if asked := time.Duration(data.Get("ttl").(int)) * time.Second; asked > 0 {
		ttl = min(asked, maxTTL)
	}
	life := ttl
	if data.Get("renewable").(bool) {
		if life = maxTTL; config.MaxTTL == 0 {
			life = min(maxTTL, max(unsetMaxTTL, ttl))
		}
	}
	margin := time.Duration(config.RequestTimeout) * time.Second
	end := time.Now().Add(life + margin)
	seconds := int64((life + margin).Seconds())
	token, err := session.pachd.mint(ctx, strings.TrimPrefix(subject, "robot:"), seconds)
	if err != nil {
		return nil, err
	}
	response := b.Secret(leaseType).Response(map[string]any{
		"user_token":    token,
		"pachd_address": config.PachdAddress,
	}, map[string]any{
		"user_token":    token,
		"subject":       subject,
		"pachd_address": config.PachdAddress,
		"generation":    "2.x",
		"token_end":     end.Unix(),
		"ttl":           int64(ttl.Seconds()),
		"max_ttl":       int64(life.Seconds()),
	})
	response.Secret.TTL = ttl
	response.Secret.MaxTTL = life
	response.Secret.Renewable = data.Get("renewable").(bool)
	return response, nil
}
