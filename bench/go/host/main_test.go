package main

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/vault/sdk/logical"
)

// deadlines is a backend that notes when the callers of HandleRequest give up.
type deadlines struct {
	logical.Backend
	noted []time.Time
}

func (d *deadlines) HandleRequest(
	ctx context.Context, _ *logical.Request,
) (*logical.Response, error) {
	deadline, _ := ctx.Deadline()
	d.noted = append(d.noted, deadline)
	return &logical.Response{Secret: &logical.Secret{}}, nil
}

func TestEveryCallHasADeadlineOfItsOwn(t *testing.T) {
	backend := &deadlines{}
	m := &mount{context: context.Background(), backend: backend}
	earliest := time.Now().Add(longest)
	if err := m.life(); err != nil {
		t.Fatal(err)
	}
	latest := time.Now().Add(longest)
	if len(backend.noted) != requestsOfALife {
		t.Fatalf("%d calls", len(backend.noted))
	}
	for _, deadline := range backend.noted {
		if !deadline.After(earliest) || deadline.After(latest) {
			t.Errorf("%v is not %v after the call, or another's", deadline, longest)
		}
		earliest = deadline
	}
}
