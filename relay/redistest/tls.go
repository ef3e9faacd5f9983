// Certificates for a TLS redis-server.

package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// TLSFiles are the paths of PEM files made for one server: a CA, and a certificate
// signed by it, with its key, that both the server and its clients may show. It is
// valid for 127.0.0.1 and localhost.
type TLSFiles struct {
	CA   string
	Cert string
	Key  string
}

// writeTLSFiles makes a CA and a certificate in dir.
func writeTLSFiles(dir string) (TLSFiles, error) {
	files := TLSFiles{
		CA:   filepath.Join(dir, "ca.crt"),
		Cert: filepath.Join(dir, "redis.crt"),
		Key:  filepath.Join(dir, "redis.key"),
	}
	ca := certificate(1, "redistest CA")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caKey, err := writeCertificate(files.CA, ca, ca, nil)
	if err != nil {
		return TLSFiles{}, err
	}
	leaf := certificate(2, "redistest")
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	leaf.IPAddresses, leaf.DNSNames = []net.IP{net.ParseIP(host)}, []string{"localhost"}
	key, err := writeCertificate(files.Cert, leaf, ca, caKey)
	if err != nil {
		return TLSFiles{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return TLSFiles{}, err
	}
	return files, writePEM(files.Key, "PRIVATE KEY", der)
}

// certificate is a template that is valid while a test may run.
func certificate(serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}

// writeCertificate signs cert with the parent's key, or with its own if that is
// nil, and returns the new key.
func writeCertificate(
	path string, cert, parent *x509.Certificate, parentKey *ecdsa.PrivateKey,
) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
	if err != nil {
		return nil, err
	}
	return key, writePEM(path, "CERTIFICATE", der)
}

func writePEM(path, block string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der}), 0o600)
}
