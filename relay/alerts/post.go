package alerts

// One request to the receiver of alerts.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// maxToken bounds the token, in bytes.
const maxToken = 4096

// statusError says that the receiver does not take an alert.
type statusError struct {
	code  int
	after time.Duration // how long to wait before the next request; 0: it did not say
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the receiver answers %d %s", e.code, http.StatusText(e.code))
}

// isFinal reports whether the answer to the same request would be the same: it is a redirect, which is not followed, or
// says that the request is wrong.
func (e *statusError) isFinal() bool {
	switch e.code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return e.code < http.StatusInternalServerError
}

// newClient returns a client that makes a connection for each request, since they are rare, and follows no redirect,
// which could lead a token elsewhere.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, DisableCompression: true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// post sends an alert, and returns nil if the receiver takes it.
func (w *Webhook) post(ctx context.Context, a *Alert, dropped uint64) error {
	ctx, cancel := context.WithTimeout(ctx, w.times.request)
	defer cancel()
	body, err := w.opts.Origin.encode(a, dropped)
	if err != nil {
		return fmt.Errorf("encode an alert: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.opts.URL, bytes.NewReader(body))
	if err != nil {
		return withoutURL(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "redis-relay/"+w.opts.Origin.Version)
	if w.opts.TokenFile != "" {
		token, err := ReadToken(w.opts.TokenFile)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := w.http.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	_ = res.Body.Close() // what it says does not matter
	if res.StatusCode/100 == 2 {
		return nil
	}
	seconds, _ := strconv.ParseUint(res.Header.Get("Retry-After"), 10, 16) // a date, or nothing, is 0
	return &statusError{res.StatusCode, time.Duration(seconds) * time.Second}
}

// withoutURL takes the URL, which may hold a secret, out of an error.
func withoutURL(err error) error {
	var about *url.Error
	if !errors.As(err, &about) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("no answer in time")
	}
	return about.Err
}

// ReadToken reads the file that holds the token. It fails if there is none, or if it cannot stand in a header.
func ReadToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("alerts.webhook_token_file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	unfit := func(r rune) bool { return r <= ' ' || r > '~' }
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, unfit) {
		return "", fmt.Errorf("alerts.webhook_token_file: %s holds no token; write one of printable ASCII into it", path)
	}
	return token, nil
}
