package config

// This file judges redis.* and the other upstreams. A url may hold a password: no message quotes it.

import (
	"net"
	"net/url"
	"strconv"
	"strings"
)

// redisValidator judges one Redis.
type redisValidator struct {
	*mistakes
	at string // the path of its keys: "redis", or "upstreams.eu"
	Redis
}

func (v *redisValidator) check() {
	r := v.Redis
	oneOf(v.mistakes, v.at+".mode", r.Mode)
	v.checkPrefix()
	positive(v.mistakes, v.at+".publish_timeout", r.PublishTimeout)
	positive(v.mistakes, v.at+".probe_interval", r.ProbeInterval)
	positive(v.mistakes, v.at+".alert_after", r.AlertAfter)
	if (r.TLS.Cert == "") != (r.TLS.Key == "") {
		v.bad(v.at+".tls", "cert and key go together; set both or none")
	}
	if r.TLS != (TLS{}) && !strings.HasPrefix(r.URL, "rediss://") {
		v.bad(v.at+".tls", "has no effect without TLS; write rediss:// in %s.url", v.at)
	}
	v.checkCredentials()
	if r.Sentinel != (Sentinel{}) && r.Mode != ModeSentinel {
		v.bad(v.at+".sentinel", "is for %s.mode sentinel, not %s; take it out", v.at, r.Mode)
	}
	switch {
	case r.URL == "":
		v.bad(v.at+".url", "is not set; write the address of your Redis, such as redis://host:6379, "+
			"or %s for a Redis inside the relay, for development", EmbeddedRedis)
	case r.IsEmbedded():
		v.checkEmbedded()
	default:
		v.checkURL()
	}
}

func (v *redisValidator) checkEmbedded() {
	r := v.Redis
	if r.Mode == ModeSentinel || r.Mode == ModeCluster {
		v.bad(v.at+".mode", "does not go with %s.url: %s; write single, or the address of your Redis", v.at, EmbeddedRedis)
	}
	if r.PasswordFile != "" {
		v.bad(v.at+".password_file", "has no effect with %s.url: %s; write the address of your Redis there",
			v.at, EmbeddedRedis)
	}
}

func (v *redisValidator) checkURL() {
	r := v.Redis
	if way := withoutScheme(r.URL); way != "" {
		v.bad(v.at+".url", "%s", way)
		return
	}
	u, err := url.Parse(r.URL)
	switch { // the error's text would quote the password
	case err != nil && strings.Contains(r.URL, "@"):
		v.bad(v.at+".url", "is no URL; percent-encode special characters of the password, such as %%2F for /")
		return
	case err != nil:
		v.bad(v.at+".url", "is no URL; write it as redis://host:6379")
		return
	}
	switch u.Scheme {
	case "redis", "rediss":
		v.checkServerURL(u)
	case "unix":
		v.checkUnixURL(u)
	default:
		v.bad(v.at+".url", "must begin with redis://, rediss:// or unix://")
		return
	}
	query := u.Query()
	switch {
	case r.Mode == ModeSentinel:
		v.checkSentinel(query)
	case r.Mode == ModeCluster:
		v.checkCluster(u)
	case query.Has("master_name"):
		v.bad(v.at+".url", "has a master_name, which is for %s.mode sentinel, not %s", v.at, r.Mode)
	}
}

// withoutScheme is the way out for a text that is no URL, but mostly what stands in one;
// "" for others.
func withoutScheme(text string) string {
	switch host, _, _ := strings.Cut(text, ":"); {
	case strings.EqualFold(text, EmbeddedRedis):
		return "must be written " + EmbeddedRedis
	case strings.HasPrefix(text, "/"):
		return "must begin with redis://, rediss:// or unix://; write unix:// before the path of a socket"
	case strings.Contains(text, "://"), host == "redis", host == "rediss", host == "unix":
		return ""
	}
	return "must begin with redis://, rediss:// or unix://; write redis:// before it, as in redis://host:6379"
}

func (v *redisValidator) checkServerURL(u *url.URL) {
	switch {
	case u.Opaque != "" || !strings.HasPrefix(v.URL, u.Scheme+"://"):
		v.bad(v.at+".url", "misses its slashes; write %s://host:6379", u.Scheme)
		return
	case u.Host == "":
		v.bad(v.at+".url", "names no host; write %s://host:6379", u.Scheme)
		return
	case !isPort(u.Port(), true):
		v.bad(v.at+".url", "has the port %s; write one from 1 to 65535, mostly 6379", u.Port())
		return
	}
	if db := strings.Trim(u.Path, "/"); db != "" {
		if _, err := strconv.ParseUint(db, 10, 31); err != nil {
			v.bad(v.at+".url", "must have a database number or nothing after the host")
		}
	}
}

func (v *redisValidator) checkUnixURL(u *url.URL) {
	if u.Path == "" || u.Host != "" {
		v.bad(v.at+".url", "must name a socket file; write unix:///run/redis.sock")
	}
	if v.Mode == ModeSentinel || v.Mode == ModeCluster {
		v.bad(v.at+".url", "is a unix socket; mode %s needs redis:// or rediss://", v.Mode)
	}
}

// checkSentinel wants redis://host:26379?master_name=mymaster&addr=host2:26379.
func (v *redisValidator) checkSentinel(query url.Values) {
	if query.Get("master_name") == "" {
		v.bad(v.at+".url", "must name the master in mode sentinel; add ?master_name=mymaster")
	}
	if !query.Has("addr") {
		v.bad(v.at+".url", "must name a second sentinel in mode sentinel; add &addr=host2:26379")
	}
	v.checkAddresses(query)
}

// checkCluster wants redis://host:6379?addr=host2:6379.
func (v *redisValidator) checkCluster(u *url.URL) {
	if u.Scheme != "unix" && strings.Trim(u.Path, "/0") != "" {
		v.bad(v.at+".url", "names a database, and a Redis Cluster has only 0; take %s out", u.Path)
	}
	if u.Query().Has("master_name") {
		v.bad(v.at+".url", "has a master_name, which is for %s.mode sentinel, not %s", v.at, v.Mode)
	}
	v.checkAddresses(u.Query())
}

// checkAddresses judges the servers beside the first.
func (v *redisValidator) checkAddresses(query url.Values) {
	for _, addr := range query["addr"] {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || !isPort(port, false) {
			v.bad(v.at+".url", "has an addr that is not host:port, with a port from 1 to 65535")
		}
	}
}

// isPort tells whether a text is the number of a port to which one can connect; none, where that means a default.
func isPort(text string, optional bool) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0 || optional && text == ""
}
