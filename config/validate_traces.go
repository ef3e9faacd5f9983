package config

// This file judges traces. A URL with credentials is refused, and not quoted.

import (
	"net/url"
	"strings"
	"unicode"
)

func (v *validator) checkTraces() {
	t := v.cfg.Traces
	if !(t.Sample >= 0 && t.Sample <= 1) { // so that NaN is refused, too
		v.bad("traces.sample", "is %v; must be from 0 (none) to 1 (all messages)", t.Sample)
	}
	switch {
	case t.Field == "":
		v.bad("traces.field", "must not be empty; write the name of a JSON field, such as traceparent")
	case strings.ContainsAny(t.Field, `"\\`) || strings.ContainsFunc(t.Field, unicode.IsControl):
		v.bad("traces.field", "must be a name without quotes, backslashes and control characters")
	}
	if t.Endpoint == "" {
		return
	}
	if problem := endpointProblem(t.Endpoint); problem != "" {
		v.bad("traces.endpoint", "%s", problem)
	}
}

// endpointProblem says what is wrong with the URL of a receiver, or nothing.
func endpointProblem(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https":
		return "is no URL of a receiver; write http:// or https://, such as http://127.0.0.1:4318"
	case u.User != nil:
		return "must not hold credentials; put them into the environment, in OTEL_EXPORTER_OTLP_HEADERS"
	case u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return "must be a host, a port and no more than a path, such as http://127.0.0.1:4318"
	case !isPort(u.Port(), true):
		return "has the port " + u.Port() + "; write one from 1 to 65535, mostly 4318"
	}
	return ""
}
