package config

// This file judges the credentials of a Redis, and says which changes of them a reload takes over.

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// minRefresh is the least that credentials.refresh may say.
const minRefresh = time.Second

// checkCredentials judges the command that prints credentials.
func (v *redisValidator) checkCredentials() {
	c, at := v.Redis.Credentials, v.at+".credentials"
	if c.Refresh != 0 && c.Refresh < minRefresh {
		v.bad(at+".refresh", "is %v; must be at least %v, or 0s, which goes by the expiry", c.Refresh, minRefresh)
	}
	if len(c.Command) == 0 {
		if c.Refresh != 0 {
			v.bad(at+".refresh", "has no effect without %s.command; set both or none", at)
		}
		return
	}
	if c.Command[0] == "" {
		v.bad(at+".command", "names no program; write [program, argument, ...]")
	}
	switch {
	case v.Redis.IsEmbedded():
		v.bad(at+".command", "has no effect with %s.url: %s; write the address of your Redis there", v.at, EmbeddedRedis)
	case v.Redis.PasswordFile != "":
		v.bad(at+".command", "prints the password, and %s.password_file names another; take one of the two out", v.at)
	case v.Redis.hasPassword():
		v.bad(at+".command", "prints the password, and %s.url has another; take one of the two out", v.at)
	}
}

// hasPassword tells whether the URL has a password for Redis itself. Before the @ is that of the sentinels, where there
// are some.
func (r Redis) hasPassword() bool {
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		return false
	case r.Mode == ModeSentinel:
		return u.Query().Get("password") != ""
	}
	_, has := u.User.Password()
	return has
}

// User returns the user for Redis itself that the URL names; empty: none.
func (r Redis) User() string {
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		return ""
	case r.Mode == ModeSentinel:
		return u.Query().Get("username")
	}
	return u.User.Username()
}

// resolve takes a program that is named by a relative path from a folder. A name without a slash is looked up in PATH.
func (c *Credentials) resolve(dir string) {
	if len(c.Command) > 0 && strings.Contains(c.Command[0], string(filepath.Separator)) {
		list := append([]string{}, c.Command...)
		resolvePath(&list[0], dir)
		c.Command = list
	}
}

// redacted hides the arguments, which may be secrets.
func (c Credentials) redacted() Credentials {
	list := append([]string{}, c.Command...)
	for i := 1; i < len(list); i++ {
		list[i] = redacted
	}
	c.Command = list
	return c
}

// hidden returns the settings without secrets.
func (r Redis) hidden() Redis {
	r.URL, r.Credentials = r.Redacted(), r.Credentials.redacted()
	return r
}

// reloads tells whether a reload takes over a changed key of a Redis, such as "credentials.command": if there is
// another command, but not if there is one in place of a password, or the other way round.
func (r Redis) reloads(next Redis, key string) bool {
	return strings.HasPrefix(key, "credentials.") && len(r.Credentials.Command) > 0 && len(next.Credentials.Command) > 0
}
