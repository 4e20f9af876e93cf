// Dials, as Pachyderm's own client would, what standard input has one JSON object a line for, and
// tells for each line, in order, why its call failed; an empty line where it did not.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
)

type server struct {
	Address string `json:"address"`
	TLS     bool   `json:"tls"`
	Bundle  string `json:"bundle"`
	Name    string `json:"name"`
}

func (s server) credentials() (credentials.TransportCredentials, error) {
	if !s.TLS {
		return insecure.NewCredentials(), nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(s.Bundle)) {
		return nil, errors.New("no certificate in the bundle")
	}
	return credentials.NewTLS(&tls.Config{RootCAs: pool, ServerName: s.Name}), nil
}

func (s server) call() error {
	trust, err := s.credentials()
	if err != nil {
		return err
	}
	connection, err := grpc.NewClient("passthrough:///"+s.Address, grpc.WithTransportCredentials(trust))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = health.NewHealthClient(connection).Check(ctx, &health.HealthCheckRequest{})
	return err
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var s server
		if err := json.Unmarshal(line, &s); err != nil {
			panic(err)
		}
		words := ""
		if err := s.call(); err != nil {
			words = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println(words)
	}
}
