package traces

// What the environment says: the variables of OpenTelemetry that concern the way to the receiver.

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"unicode"
)

const (
	headersEnv     = "OTEL_EXPORTER_OTLP_HEADERS"
	certificateEnv = "OTEL_EXPORTER_OTLP_CERTIFICATE"
)

// ofTraces returns the name of the variable that holds for traces alone, and wins.
func ofTraces(name string) string { return strings.Replace(name, "OTLP_", "OTLP_TRACES_", 1) }

// Check returns what is wrong with the variables of the environment: the headers, of which it quotes no value, and the
// file of certificates. The errors begin with traces.endpoint, for which the variables hold.
func Check() error {
	_, _, err := fromEnvironment()
	return err
}

// fromEnvironment returns the headers of requests and, if authorities are named, what TLS trusts.
func fromEnvironment() (http.Header, *tls.Config, error) {
	header := http.Header{}
	errs := []error{addHeaders(header, headersEnv), addHeaders(header, ofTraces(headersEnv))}
	trusted, err := authorities()
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, nil, err
	}
	return header, trusted, nil
}

// addHeaders adds the headers that a variable names: name=value, percent-encoded, with commas between.
func addHeaders(header http.Header, variable string) error {
	for i, pair := range strings.Split(os.Getenv(variable), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		name, err := url.PathUnescape(strings.TrimSpace(name))
		value, err2 := url.PathUnescape(strings.TrimSpace(value))
		if !found || errors.Join(err, err2) != nil || !isHeader(name, value) {
			return fmt.Errorf("traces.endpoint: header %d in the environment variable %s cannot be read; "+
				"write name=value,name=value, percent-encoded", i+1, variable)
		}
		header.Set(name, value)
	}
	return nil
}

// isHeader reports whether a header can be sent.
func isHeader(name, value string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' && r != '.'
	}) && !strings.ContainsFunc(value, unicode.IsControl)
}

// authorities reads the file that the environment names; without one, those of the system are trusted.
func authorities() (*tls.Config, error) {
	variable := ofTraces(certificateEnv)
	if os.Getenv(variable) == "" {
		variable = certificateEnv
	}
	file := os.Getenv(variable)
	if file == "" {
		return nil, nil //nolint:nilnil // no configuration is one, too
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("traces.endpoint: the environment variable %s: %w", variable, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("traces.endpoint: the environment variable %s: no PEM certificate in %s", variable, file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
