// Verify says what Go's crypto/x509 and crypto/tls think of certificates: a second opinion for tests.
//
// Each line of its input is one question, in fields between tabs, and is answered by one line: "ok", or "refused" and
// the reason. Certificates are base64 of DER, several between commas.
//
//	path     PURPOSE  NAME  UNIX-SECONDS  ROOTS  INTERMEDIATES  LEAF
//	connect  ADDRESS  NAME  ROOTS
//
// PURPOSE is server or client. NAME is a DNS name or an IP address, or empty to match none.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := answer(strings.Split(lines.Text(), "\t")); err != nil {
			fmt.Println("refused", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}

func answer(fields []string) error {
	switch {
	case fields[0] == "path" && len(fields) == 7:
		return path(fields[1], fields[2], fields[3], fields[4], fields[5], fields[6])
	case fields[0] == "connect" && len(fields) == 4:
		return connect(fields[1], fields[2], fields[3])
	}
	return fmt.Errorf("expected a question, got %q with %d fields", fields[0], len(fields))
}

func path(purpose, name, at, roots, intermediates, leaf string) error {
	usage, known := map[string]x509.ExtKeyUsage{
		"server": x509.ExtKeyUsageServerAuth,
		"client": x509.ExtKeyUsageClientAuth,
	}[purpose]
	if !known {
		return fmt.Errorf("expected server or client, got %q", purpose)
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return err
	}
	rootPool, err := pool(roots)
	if err != nil {
		return err
	}
	intermediatePool, err := pool(intermediates)
	if err != nil {
		return err
	}
	leaves, err := certificates(leaf)
	if err != nil {
		return err
	}
	if len(leaves) != 1 {
		return errors.New("expected one leaf")
	}
	_, err = leaves[0].Verify(x509.VerifyOptions{
		DNSName:       name,
		Roots:         rootPool,
		Intermediates: intermediatePool,
		CurrentTime:   time.Unix(seconds, 0),
		KeyUsages:     []x509.ExtKeyUsage{usage},
	})
	return err
}

func connect(address, name, roots string) error {
	rootPool, err := pool(roots)
	if err != nil {
		return err
	}
	connection, err := tls.Dial("tcp", address, &tls.Config{RootCAs: rootPool, ServerName: name, MinVersion: tls.VersionTLS13})
	if err != nil {
		return err
	}
	return connection.Close()
}

func pool(text string) (*x509.CertPool, error) {
	list, err := certificates(text)
	if err != nil {
		return nil, err
	}
	result := x509.NewCertPool()
	for _, certificate := range list {
		result.AddCert(certificate)
	}
	return result, nil
}

func certificates(text string) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
		der, err := base64.StdEncoding.DecodeString(part)
		if err != nil {
			return nil, err
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		list = append(list, certificate)
	}
	return list, nil
}
