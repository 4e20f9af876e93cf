// A registry on loopback. It tells its port, then takes lines of standard input: the folder of an
// OCI layout and the name to push it under, or a file as `docker load` takes it. Each is validated
// as crane does, a layout pushed and validated again as the registry has it, and answered with a
// line: "ok", or what is wrong with it.
package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	go func() { log.Fatal(http.Serve(listener, handler)) }()
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := obey(strings.Fields(lines.Text())); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}

func obey(words []string) error {
	if len(words) == 2 {
		return push(words[0], words[1])
	}
	image, err := tarball.ImageFromPath(words[0], nil)
	if err != nil {
		return err
	}
	return validate.Image(image)
}

func push(folder, reference string) error {
	to, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	outer, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return err
	}
	if err := validate.Index(outer); err != nil {
		return err
	}
	index, err := whole(outer)
	if err != nil {
		return err
	}
	if err := remote.WriteIndex(to, index); err != nil {
		return err
	}
	there, err := remote.Index(to)
	if err != nil {
		return err
	}
	return validate.Index(there)
}

// whole is the image that a layout is of, the one thing in it.
func whole(outer v1.ImageIndex) (v1.ImageIndex, error) {
	manifest, err := outer.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%d things in the layout", len(manifest.Manifests))
	}
	return outer.ImageIndex(manifest.Manifests[0].Digest)
}
