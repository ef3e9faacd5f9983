package config

// This file judges the values of a configuration, all but redis.* and routes.

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Validate reports every value that makes no sense, or that this version does
// not support yet, joined. Each is a *KeyError with the key's path and, after
// Load, the place the value was written. It opens no file and no connection.
func (c *Config) Validate() error {
	var errs []error
	for _, problem := range c.problems() {
		errs = append(errs, problem)
	}
	return errors.Join(errs...)
}

func (c *Config) problems() []*KeyError {
	v := &validator{mistakes: &mistakes{in: c}, cfg: c}
	v.checkUpstreams()
	v.checkSocket()
	v.checkListeners()
	v.checkLeaf()
	v.checkAlerts()
	v.checkTraces()
	oneOf(v.mistakes, "log.level", c.Log.Level)
	oneOf(v.mistakes, "log.format", c.Log.Format)
	v.checkSpike()
	v.checkLimits()
	v.checkDeadLetters()
	oneOf(v.mistakes, "unrouted", c.Unrouted)
	if draft := c.Schemas.Draft; draft != "" {
		oneOf(v.mistakes, "schemas.draft", draft)
	}
	v.checkRoutes()
	v.checkSupported()
	return v.list
}

// validator judges all but each Redis and each route.
type validator struct {
	*mistakes
	cfg *Config
}

// mistakes are those that were found in a configuration.
type mistakes struct {
	in   *Config
	list []*KeyError
}

// bad records a value that makes no sense.
func (m *mistakes) bad(path, format string, args ...any) {
	m.add(path, ErrInvalid, format, args...)
}

func (m *mistakes) add(path string, kind error, format string, args ...any) {
	path = m.in.asWritten(path)
	m.list = append(m.list, &KeyError{
		Origin: m.in.origin(path),
		Path:   path,
		Reason: fmt.Errorf(format, args...).Error(),
		Err:    kind,
	})
}

// origin tells where the value at a path, or the nearest value around it, was
// written; "" for a default.
func (c *Config) origin(path string) string {
	for path != "" {
		if where, ok := c.sources[path]; ok {
			return where
		}
		path = around(path)
	}
	return ""
}

// oneOf checks a value against the words its key allows.
func oneOf[T ~string](m *mistakes, path string, value T) {
	if problem := notOneOf(value); problem != "" {
		m.bad(path, "%s", problem)
	}
}

// notOneOf returns "" for an allowed value and the problem for another.
func notOneOf[T ~string](value T) string {
	list := words[reflect.TypeFor[T]()]
	if slices.Contains(list, string(value)) {
		return ""
	}
	last := len(list) - 1
	return fmt.Sprintf("%.40q is not known; write %s or %s", string(value), strings.Join(list[:last], ", "), list[last])
}

func (v *validator) checkSocket() {
	s := v.cfg.Socket
	switch {
	case s.Path == "":
		v.bad("socket.path", "must not be empty")
	case strings.ContainsRune(s.Path, 0):
		v.bad("socket.path", "must not hold a NUL byte")
	case len(s.Path) > maxSocketPath:
		v.bad("socket.path", "has %d bytes; the system allows a socket path of %d, so choose a shorter folder",
			len(s.Path), maxSocketPath)
	}
	if _, err := s.FileMode(); err != nil {
		v.bad("socket.mode", "%w", err)
	}
	v.checkTCP()
}

func (v *validator) checkTCP() {
	s := v.cfg.Socket
	switch {
	case s.TCP == "" && s.PasswordFile != "":
		v.bad("socket.password_file", "has no effect without socket.tcp; set both or none. "+
			"On the Unix socket its permissions decide")
	case v.checkAddress("socket.tcp", s.TCP) && !isLoopback(s.TCP) && s.PasswordFile == "":
		v.bad("socket.tcp", "%q can be reached from outside; set socket.password_file or listen on 127.0.0.1", s.TCP)
	}
}

func (v *validator) checkListeners() {
	v.checkHTTP()
	n := v.cfg.NATS
	if v.checkAddress("nats.listen", n.Listen) && !isLoopback(n.Listen) && n.TokenFile == "" {
		v.bad("nats.listen", "%q can be reached from outside; set nats.token_file or listen on 127.0.0.1", n.Listen)
	}
}

func (v *validator) checkHTTP() {
	h := v.cfg.HTTP
	if v.checkAddress("http.listen", h.Listen) && !isLoopback(h.Listen) && h.TokenFile == "" {
		v.mustBeGuarded("http.payloads", h.Payloads)
		v.mustBeGuarded("http.pprof", h.Pprof)
	}
	for i, host := range h.Hosts {
		if !hostName.MatchString(host) {
			v.bad(item("http.hosts", i), "%.80q is no name of a host; write one such as relay.internal, without a port "+
				"and without a dot at its end", host)
		}
	}
}

// hostName is a name as browsers write it in Host: in ASCII (xn--…), and for http.hosts without a dot at its end.
var hostName = regexp.MustCompile(`^[\w-]+(\.[\w-]+)*$`)

// mustBeGuarded is about a key that shows more than figures.
func (v *validator) mustBeGuarded(path string, on bool) {
	if on {
		v.bad(path, "http.listen, %q, can be reached from outside; set http.token_file or listen on 127.0.0.1",
			v.cfg.HTTP.Listen)
	}
}

// checkAddress reports whether there is an address and it is host:port.
func (v *validator) checkAddress(path, address string) bool {
	if address == "" {
		return false
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		v.bad(path, "%.80q is no address; write host:port such as 127.0.0.1:9464", address)
	}
	return err == nil
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

func (v *validator) checkSpike() {
	s := v.cfg.Alerts.Spike
	if s.Factor != 0 && s.Factor <= 1 || math.IsNaN(s.Factor) || math.IsInf(s.Factor, 0) {
		v.bad("alerts.spike.factor", "is %v; must be 0 (none) or more than 1", s.Factor)
	}
	if s.Floor <= 0 || math.IsNaN(s.Floor) || math.IsInf(s.Floor, 0) {
		v.bad("alerts.spike.floor", "is %v; must be more than 0", s.Floor)
	}
}

func (v *validator) checkLimits() {
	l := v.cfg.Limits
	positive(v.mistakes, "limits.clients", l.Clients)
	positive(v.mistakes, "limits.subscriptions", l.Subscriptions)
	positive(v.mistakes, "limits.patterns", l.Patterns)
	positive(v.mistakes, "limits.name", l.Name)
	positive(v.mistakes, "limits.pattern_length", l.PatternLength)
	for i, prefix := range l.PatternPrefixes {
		if prefix == "" {
			v.bad(item("limits.pattern_prefixes", i), "must not be empty; an empty list allows any pattern")
		}
	}
	positive(v.mistakes, "limits.payload", l.Payload)
	positive(v.mistakes, "limits.queue", l.Queue)
	positive(v.mistakes, "limits.memory", l.Memory)
	positive(v.mistakes, "limits.publish_window", l.PublishWindow)
	if l.CommandTimeout < 0 {
		v.bad("limits.command_timeout", "is %v; must be 0s (none) or more", l.CommandTimeout)
	}
	if l.QueueAge < 0 {
		v.bad("limits.queue_age", "is %v; must be 0 (no bound) or more", l.QueueAge)
	}
	if l.Memory > 0 && l.Memory < l.Queue {
		v.bad("limits.memory", "is %v, less than limits.queue (%v); raise it, or lower limits.queue", l.Memory, l.Queue)
	}
	if l.PublishWindow > maxPublishWindow {
		v.bad("limits.publish_window", "is %v; no more than %v can wait for Redis", l.PublishWindow, maxPublishWindow)
	}
	if l.Name > maxName {
		v.bad("limits.name", "is %v; the relay takes no name of more than %v", l.Name, maxName)
	}
	if l.Payload > maxPayload {
		v.bad("limits.payload", "is %v; the relay takes no message of more than %v", l.Payload, maxPayload)
	}
}

// positive checks a number that must be more than zero.
func positive[T ~int | ~int64](m *mistakes, path string, n T) {
	if n <= 0 {
		m.bad(path, "is %v; must be more than 0", n)
	}
}
