package traces

// The client below the SDK's exporter: OTLP over HTTP, in protobuf.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	firstRetry   = 250 * time.Millisecond // doubled for each further one
	maxReply     = 64 << 10               // bytes of the receiver's answer that are read
	maxReplyText = 200                    // bytes of it in an error
)

// client sends spans to one URL. It is otlptrace.Client.
type client struct {
	// Fixed after construction.
	url    string
	header http.Header
	http   *http.Client
	halted context.Context // ends all requests
	halt   context.CancelFunc

	retry atomic.Bool // failed requests are tried again
}

// newClient returns a client that is configured by the environment, too. See Check.
func newClient(endpoint string) (*client, error) {
	header, tls, err := fromEnvironment()
	if err != nil {
		return nil, err
	}
	c := &client{url: urlOf(endpoint), header: header}
	c.header.Set("Content-Type", "application/x-protobuf")
	c.header.Set("User-Agent", "redis-relay")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = tls
	c.http = &http.Client{
		Transport: transport,
		// The headers may hold a secret, which is for this address alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.halted, c.halt = context.WithCancel(context.Background())
	c.retry.Store(true)
	return c, nil
}

// urlOf adds the usual path to a URL without one.
func urlOf(endpoint string) string {
	scheme, rest, _ := strings.Cut(endpoint, "://")
	if host, path, _ := strings.Cut(rest, "/"); path == "" {
		return scheme + "://" + host + "/v1/traces"
	}
	return endpoint
}

func (c *client) Start(context.Context) error { return nil }

func (c *client) Stop(context.Context) error { return nil }

// UploadTraces sends spans, again and again if the receiver may take them later, until ctx ends.
func (c *client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans}) // on the wire it is the request
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.halted, cancel)()
	for wait := firstRetry; ; wait *= 2 {
		err := c.send(ctx, body)
		var again *retryError
		if !errors.As(err, &again) || !c.retry.Load() {
			return err
		}
		select {
		case <-time.After(max(wait, again.after)):
		case <-ctx.Done():
			return err
		}
	}
}

// retryError is the error of a request that may be sent again.
type retryError struct {
	error
	after time.Duration // that the receiver asks for
}

func (e *retryError) Unwrap() error { return e.error }

// partialError is the error of a request of which the receiver refuses some spans.
type partialError struct {
	rejected int64
	reason   string
}

func (e *partialError) Error() string {
	return fmt.Sprintf("the receiver refuses %d spans: %s", e.rejected, e.reason)
}

// send sends one request.
func (c *client) send(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header = c.header.Clone()
	response, err := c.http.Do(request)
	if err != nil {
		return &retryError{error: err}
	}
	defer func() { _ = response.Body.Close() }()
	reply, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if response.StatusCode/100 == 2 {
		return partial(reply) // what came is counted, even if not all of the reply did
	}
	err = errors.Join(fmt.Errorf("%s: %s", response.Status, printable(reply)), err)
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &retryError{err, retryAfter(response)}
	}
	return err
}

// retryAfter is how long to wait, as the receiver says; 0: it does not say.
func retryAfter(r *http.Response) time.Duration {
	seconds, err := strconv.ParseUint(r.Header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// printable returns the beginning of a reply as one line of text.
func printable(reply []byte) string {
	return strconv.QuoteToGraphic(string(reply[:min(len(reply), maxReplyText)]))
}

// partial returns the error in a reply, if the receiver refuses some of the spans. An ExportTraceServiceResponse has in
// field 1 a message: the number of them, and why.
func partial(reply []byte) error {
	for number, value := range fields(reply) {
		if number != 1 {
			continue
		}
		e := &partialError{}
		for number, value := range fields(value) {
			switch number {
			case 1:
				n, _ := protowire.ConsumeVarint(value)
				e.rejected = int64(n)
			case 2:
				e.reason = printable(value)
			}
		}
		if e.rejected > 0 {
			return e
		}
	}
	return nil
}

// fields yields the fields of a protobuf message, up to the first mistake in it: a varint as it is encoded, bytes
// without their length.
func fields(message []byte) func(yield func(protowire.Number, []byte) bool) {
	return func(yield func(protowire.Number, []byte) bool) {
		for len(message) > 0 {
			number, typ, n := protowire.ConsumeTag(message)
			if n < 0 {
				return
			}
			size := protowire.ConsumeFieldValue(number, typ, message[n:])
			if size < 0 {
				return
			}
			value := message[n : n+size]
			if typ == protowire.BytesType {
				value, _ = protowire.ConsumeBytes(value)
			}
			if !yield(number, value) {
				return
			}
			message = message[n+size:]
		}
	}
}

var _ otlptrace.Client = (*client)(nil)
