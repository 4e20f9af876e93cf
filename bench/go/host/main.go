// A host of one plugin, which asks it over its own socket: without a server in between, hundreds
// of thousands of requests take a minute. Reads a plan as JSON on standard input and writes what
// the plugin holds after each step on standard output, a line of JSON each.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/plugin"
	"google.golang.org/grpc/metadata"
)

// plan is `steps` times `requests` requests, `concurrency` at once: login, renewal and revocation
// of the lease, config read, client version, and again.
type plan struct {
	Command     string         `json:"command"`
	Config      map[string]any `json:"config"`
	Concurrency int            `json:"concurrency"`
	Steps       int            `json:"steps"`
	Requests    int            `json:"requests"`
}

// held is what the plugin holds after so many requests.
type held struct {
	Requests    int64   `json:"requests"`
	Resident    int64   `json:"resident"` // bytes
	Descriptors int     `json:"descriptors"`
	Seconds     float64 `json:"seconds"`
}

const (
	requestsOfALife = 5
	longest         = 90 * time.Second // what OpenBao and Vault give a request by default
)

func main() {
	var todo plan
	if err := json.NewDecoder(os.Stdin).Decode(&todo); err != nil {
		log.Fatal(err)
	}
	command := exec.Command(todo.Command)
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  plugin.HandshakeConfig,
		VersionedPlugins: plugin.PluginSet,
		Cmd:              command,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		Logger:           hclog.NewNullLogger(),
	})
	defer client.Kill()
	if err := drive(client, command, &todo); err != nil {
		client.Kill()
		log.Fatal(err)
	}
}

func drive(client *goplugin.Client, command *exec.Cmd, todo *plan) error {
	mount, err := newMount(client, todo.Config)
	if err != nil {
		return err
	}
	var done int64
	start := time.Now()
	report := json.NewEncoder(os.Stdout)
	for range todo.Steps {
		if err := mount.live(todo.Concurrency, int64(todo.Requests/requestsOfALife)); err != nil {
			return err
		}
		done += int64(todo.Requests)
		holds, err := look(command.Process.Pid)
		if err != nil {
			return err
		}
		holds.Requests, holds.Seconds = done, time.Since(start).Seconds()
		if err := report.Encode(holds); err != nil {
			return err
		}
	}
	return nil
}

// mount is the plugin's one mount.
type mount struct {
	context context.Context
	backend logical.Backend
	storage logical.Storage
}

func newMount(client *goplugin.Client, config map[string]any) (*mount, error) {
	rpc, err := client.Client()
	if err != nil {
		return nil, err
	}
	dispensed, err := rpc.Dispense(plugin.BackendPluginName)
	if err != nil {
		return nil, err
	}
	m := &mount{
		context: metadata.AppendToOutgoingContext(context.Background(), "multiplex_id", "benchbench"),
		backend: dispensed.(logical.Backend),
		storage: &logical.InmemStorage{},
	}
	system := &logical.StaticSystemView{DefaultLeaseTTLVal: time.Hour, MaxLeaseTTLVal: 24 * time.Hour}
	ctx, cancel := m.call()
	defer cancel()
	err = m.backend.Setup(ctx, &logical.BackendConfig{
		Logger: hclog.NewNullLogger(), System: system, StorageView: m.storage,
	})
	if err != nil {
		return nil, err
	}
	_, err = m.ask(logical.UpdateOperation, "config", config, nil)
	return m, err
}

// call is the context of one call. Each has a deadline of its own, as a server's have: it goes out
// as another grpc-timeout with each, which changes what the plugin's HPACK table holds.
func (m *mount) call() (context.Context, context.CancelFunc) {
	return context.WithTimeout(m.context, longest)
}

// live leads `lives` tokens from login to revocation; the first error ends it.
func (m *mount) live(concurrency int, lives int64) error {
	var next atomic.Int64
	var running sync.WaitGroup
	failed := make(chan error, concurrency)
	for range concurrency {
		running.Go(func() {
			for next.Add(1) <= lives {
				if err := m.life(); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(failed)
	return <-failed
}

func (m *mount) life() error {
	answer, err := m.ask(logical.UpdateOperation, "login/robot:bench", map[string]any{}, nil)
	if err != nil {
		return err
	}
	lease := answer.Secret
	lease.IssueTime = time.Now()
	renewed, err := m.ask(logical.RenewOperation, "login/robot:bench", nil, lease)
	if err != nil {
		return err
	}
	if _, err = m.ask(logical.RevokeOperation, "login/robot:bench", nil, renewed.Secret); err != nil {
		return err
	}
	if _, err = m.ask(logical.ReadOperation, "config", nil, nil); err != nil {
		return err
	}
	_, err = m.ask(logical.ReadOperation, "version/client-only", nil, nil)
	return err
}

func (m *mount) ask(
	operation logical.Operation, path string, data map[string]any, lease *logical.Secret,
) (*logical.Response, error) {
	ctx, cancel := m.call()
	defer cancel()
	answer, err := m.backend.HandleRequest(ctx, &logical.Request{
		Operation: operation, Path: path, Data: data, Secret: lease, Storage: m.storage,
	})
	if err == nil {
		if err = answer.Error(); err == nil {
			return answer, nil
		}
	}
	return nil, fmt.Errorf("%s %s: %w", operation, path, err)
}

// look reads what a process holds.
func look(pid int) (*held, error) {
	process := "/proc/" + strconv.Itoa(pid)
	descriptors, err := os.ReadDir(process + "/fd")
	if err != nil {
		return nil, err
	}
	status, err := os.ReadFile(process + "/status")
	if err != nil {
		return nil, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	return &held{Resident: kilobytes * 1024, Descriptors: len(descriptors)}, err
}
