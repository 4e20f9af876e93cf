// Prints the common names of the certificates that Go has for the system's trust, one a line.
package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
)

func main() {
	pool, err := x509.SystemCertPool()
	if err != nil { // nothing was found, and something could not be read
		return
	}
	for _, raw := range pool.Subjects() {
		var sequence pkix.RDNSequence
		var name pkix.Name
		if _, err := asn1.Unmarshal(raw, &sequence); err != nil {
			panic(err)
		}
		name.FillFromRDNSequence(&sequence)
		fmt.Println(name.CommonName)
	}
}
