package main

import (
	"context"
	"sync"

	"github.com/hashicorp/vault/sdk/framework"
	"github.com/hashicorp/vault/sdk/logical"
)

const (
	version     = "v0.1.0"
	maxInFlight = 6 // calls to pachd, our engine's default; above 15 at once they hang each other
)

// backend is one mount.
type backend struct {
	*framework.Backend
	slots chan struct{} // one for each call to pachd that may run at once
	keep  bool          // the session, from one request to the next
	lock  sync.Mutex
	kept  *session
}

// session is a configuration and the way to its pachd.
type session struct {
	config *config
	pachd  *pachd
}

func factory(keep bool) logical.Factory {
	return func(ctx context.Context, conf *logical.BackendConfig) (logical.Backend, error) {
		b := &backend{slots: make(chan struct{}, maxInFlight), keep: keep}
		b.Backend = &framework.Backend{
			BackendType:    logical.TypeLogical,
			RunningVersion: version,
			Help:           "Mints Pachyderm tokens, for the bench.",
			Paths: []*framework.Path{
				b.configPath(), b.loginPath(), b.renewPath(), b.revokePath(), b.versionPath(),
				b.clientOnlyPath(),
			},
			Secrets:      []*framework.Secret{b.tokenLease()},
			PathsSpecial: &logical.Paths{SealWrapStorage: []string{configKey}},
			Invalidate: func(_ context.Context, key string) {
				if key == configKey {
					b.forget()
				}
			},
			Clean: func(context.Context) { b.forget() },
		}
		return b, b.Setup(ctx, conf)
	}
}

func (b *backend) session(ctx context.Context, storage logical.Storage) (*session, error) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.kept != nil {
		return b.kept, nil
	}
	config, err := readConfig(ctx, storage)
	if err != nil {
		return nil, err
	}
	pachd, err := newPachd(config, b.slots, b.keep)
	if err != nil {
		return nil, err
	}
	made := &session{config, pachd}
	if b.keep {
		b.kept = made
	}
	return made, nil
}

func (b *backend) forget() {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.kept != nil {
		b.kept.pachd.conn.Close()
		b.kept = nil
	}
}
