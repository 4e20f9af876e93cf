// Go's view of a plugin's certificate: `go_peer FILE`, a PEM file with the certificate and its key.
//
// It verifies the certificate and shakes hands with it at either end, each time trusting it alone,
// as a host of a plugin does. It says nothing where Go accepts all of it.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log"
	"math/big"
	"net"
	"os"
	"time"
)

const name = "localhost"

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// hosts makes a certificate as hosts do.
func hosts() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	check(err)
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		DNSNames:              []string{name},
		ExtKeyUsage:           usages,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		NotBefore:             time.Now().Add(-time.Minute),
		NotAfter:              time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(err)
	leaf, err := x509.ParseCertificate(der)
	check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// trusting is the set of one certificate.
func trusting(certificate tls.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(certificate.Leaf)
	return pool
}

func shakeHands(server, client tls.Certificate, version uint16) error {
	serverEnd, clientEnd := net.Pipe()
	config := func(shown, trusted tls.Certificate) *tls.Config {
		return &tls.Config{
			Certificates: []tls.Certificate{shown},
			RootCAs:      trusting(trusted),
			ClientCAs:    trusting(trusted),
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ServerName:   name,
			MinVersion:   version,
			MaxVersion:   version,
		}
	}
	served := make(chan error, 1)
	go func() {
		accepted := tls.Server(serverEnd, config(server, client))
		_, err := accepted.Write([]byte("x")) // after the client's certificate is verified
		served <- err
	}()
	dialled := tls.Client(clientEnd, config(client, server))
	if _, err := dialled.Read(make([]byte, 1)); err != nil {
		return err
	}
	return <-served
}

func main() {
	file := os.Args[1]
	ours, err := tls.LoadX509KeyPair(file, file)
	check(err)
	ours.Leaf, err = x509.ParseCertificate(ours.Certificate[0])
	check(err)
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		_, err := ours.Leaf.Verify(x509.VerifyOptions{
			DNSName:   name,
			Roots:     trusting(ours),
			KeyUsages: []x509.ExtKeyUsage{usage},
		})
		check(err)
	}
	theirs := hosts()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		check(shakeHands(ours, theirs, version))
		check(shakeHands(theirs, ours, version))
	}
}
