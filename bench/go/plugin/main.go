// A secrets engine for Pachyderm on HashiCorp's SDK, for the bench to compare ours with. It has the
// paths and the lease of ours that the bench calls, and does as much work for each.
//
// The name of its file chooses what it is:
//
//	go-pooled  keeps the configuration and one connection to pachd; all mounts in one process
//	go-dial    reads the configuration and dials pachd for every call, as Pachyderm's own plugin
//	           of 1.x does, yet all mounts in one process
//	go-single  the same with a process for each mount, as that one has it
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/hashicorp/vault/sdk/plugin"
)

var kinds = map[string]struct {
	serve func(*plugin.ServeOpts) error
	keep  bool
}{
	"go-pooled": {plugin.ServeMultiplex, true},
	"go-dial":   {plugin.ServeMultiplex, false},
	"go-single": {plugin.Serve, false},
}

func main() {
	kind, known := kinds[filepath.Base(os.Args[0])]
	if !known {
		log.Fatal("the file's name is none that this plugin has")
	}
	if err := kind.serve(&plugin.ServeOpts{BackendFactoryFunc: factory(kind.keep)}); err != nil {
		log.Fatal(err)
	}
}
