package main

import (
	"context"
	"errors"
	"path"
	"strings"
	"time"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const configKey = "config"

// config is what is stored of a mount; durations are seconds.
type config struct {
	AdminToken      string   `json:"admin_token"`
	PachdAddress    string   `json:"pachd_address"`
	AdminSubject    string   `json:"admin_subject"`
	TTL             int64    `json:"ttl"`
	MaxTTL          int64    `json:"max_ttl"`
	AllowedSubjects []string `json:"allowed_subjects"`
	RequestTimeout  int64    `json:"request_timeout"`
}

func (c *config) mayMint(subject string) error {
	kind, name, found := strings.Cut(subject, ":")
	if !found || kind != "robot" || name == "" || strings.Contains(name, ":") || len(subject) > 128 {
		return errors.New("invalid subject: write robot:<name>")
	}
	if subject == c.AdminSubject {
		return errors.New("subject is the engine's own")
	}
	for _, glob := range c.AllowedSubjects {
		if matches, _ := path.Match(glob, subject); matches {
			return nil
		}
	}
	return errors.New("subject is not allowed by config")
}

func readConfig(ctx context.Context, storage logical.Storage) (*config, error) {
	entry, err := storage.Get(ctx, configKey)
	if err != nil {
		return nil, err
	}
	if entry == nil {
		return nil, errors.New("no configuration: write config first")
	}
	stored := &config{}
	return stored, entry.DecodeJSON(stored)
}

func (b *backend) configPath() *framework.Path {
	return &framework.Path{
		Pattern: "config",
		Fields: map[string]*framework.FieldSchema{
			"admin_token":      {Type: framework.TypeString},
			"pachd_address":    {Type: framework.TypeString},
			"ttl":              {Type: framework.TypeDurationSecond},
			"max_ttl":          {Type: framework.TypeDurationSecond},
			"allowed_subjects": {Type: framework.TypeCommaStringSlice, Default: []string{"robot:*"}},
			"request_timeout":  {Type: framework.TypeDurationSecond, Default: 10},
		},
		Operations: map[logical.Operation]framework.OperationHandler{
			logical.ReadOperation:   &framework.PathOperation{Callback: b.showConfig},
			logical.UpdateOperation: &framework.PathOperation{Callback: b.writeConfig},
		},
	}
}

func (b *backend) writeConfig(
	ctx context.Context, req *logical.Request, data *framework.FieldData,
) (*logical.Response, error) {
	written := &config{
		AdminToken:      data.Get("admin_token").(string),
		PachdAddress:    data.Get("pachd_address").(string),
		TTL:             int64(data.Get("ttl").(int)),
		MaxTTL:          int64(data.Get("max_ttl").(int)),
		AllowedSubjects: data.Get("allowed_subjects").([]string),
		RequestTimeout:  int64(data.Get("request_timeout").(int)),
	}
	pachd, err := newPachd(written, b.slots, false)
	if err != nil {
		return nil, err
	}
	admin, err := pachd.whoAmI(ctx, written.AdminToken)
	if err != nil {
		return logical.ErrorResponse("not stored: %s", err), nil
	}
	written.AdminSubject = admin.Username
	entry, err := logical.StorageEntryJSON(configKey, written)
	if err != nil {
		return nil, err
	}
	if err := req.Storage.Put(ctx, entry); err != nil {
		return nil, err
	}
	b.forget()
	return nil, nil
}

func (b *backend) showConfig(
	ctx context.Context, req *logical.Request, _ *framework.FieldData,
) (*logical.Response, error) {
	session, err := b.session(ctx, req.Storage)
	if err != nil {
		return nil, err
	}
	config := session.config
	ttl, maxTTL := b.ttls(config)
	return &logical.Response{Data: map[string]any{
		"pachd_address":    config.PachdAddress,
		"ttl":              ttl.String(),
		"max_ttl":          maxTTL.String(),
		"allowed_subjects": config.AllowedSubjects,
		"request_timeout":  config.RequestTimeout,
		"max_in_flight":    maxInFlight,
		"admin_subject":    config.AdminSubject,
	}}, nil
}

// ttls are how long a lease lasts by default and at most; the host is asked for the mount's.
func (b *backend) ttls(config *config) (ttl, maxTTL time.Duration) {
	maxTTL = b.System().MaxLeaseTTL()
	if ttl = time.Duration(config.TTL) * time.Second; ttl == 0 {
		ttl = b.System().DefaultLeaseTTL()
	}
	if limit := time.Duration(config.MaxTTL) * time.Second; limit > 0 {
		maxTTL = min(maxTTL, limit)
	}
	return min(ttl, maxTTL), maxTTL
}
