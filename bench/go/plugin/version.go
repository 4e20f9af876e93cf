package main

import (
	"context"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

func (b *backend) versionPath() *framework.Path {
	return reads("version", b.bothVersions)
}

func (b *backend) clientOnlyPath() *framework.Path {
	return reads("version/client-only", clientVersion)
}

func reads(pattern string, read framework.OperationFunc) *framework.Path {
	return &framework.Path{
		Pattern: pattern,
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation: &framework.PathOperation{Callback: read},
		},
	}
}

func (b *backend) bothVersions(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	session, err := b.session(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	server, err := session.pachd.version(ctx)
	if err != nil {
		return nil, err
	}
	return &logical.Response{
		Data: map[string]any{"client-version": version, "server-version": server},
	}, nil
}

func clientVersion(
	context.Context, *logical.Request, *framework.FieldData,
) (*logical.Response, error) {
	return &logical.Response{Data: map[string]any{"client-version": version}}, nil
}
