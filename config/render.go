package config

// This file prints a configuration without its secrets.

import (
	"cmp"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// redacted stands in for a password.
const redacted = "xxxxx"

// Redacted returns URL fit to be shown: with its passwords replaced by xxxxx,
// and nothing but its scheme where it cannot be told which part is a password.
func (r Redis) Redacted() string {
	if r.URL == "" || r.IsEmbedded() {
		return r.URL
	}
	scheme, _, hasScheme := strings.Cut(r.URL, "://")
	if !hasScheme || strings.Contains(scheme, "@") {
		return redacted
	}
	hidden := scheme + "://" + redacted
	u, err := url.Parse(r.URL)
	if err != nil {
		return hidden
	}
	if _, ok := u.User.Password(); ok {
		u.User = url.UserPassword(u.User.Username(), redacted)
	}
	redactQuery(u)
	// An @ beyond the host is the rest of a password that was not escaped.
	if strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return hidden
	}
	return u.String()
}

// Redacted returns URL fit to be shown, as Redis's: of a server's credentials no more
// than a user's name, which alone is a token.
func (l Leaf) Redacted() string {
	if l.URL == "" {
		return ""
	}
	urls, err := l.URLs()
	if err != nil {
		return redacted
	}
	list := make([]string, len(urls))
	for i, u := range urls {
		if u.Scheme == "" || u.Host == "" || strings.Trim(u.Path, "/")+u.RawQuery+u.Fragment != "" {
			return redacted // it cannot be told which part is a password
		}
		if u.User != nil {
			if _, ok := u.User.Password(); ok {
				u.User = url.UserPassword(u.User.Username(), redacted)
			} else {
				u.User = url.User(redacted)
			}
		}
		list[i] = u.String()
	}
	return strings.Join(list, ",")
}

// String returns the settings in one line, without passwords.
func (l Leaf) String() string {
	l.URL = l.Redacted()
	type plain Leaf // without this method
	return fmt.Sprintf("%+v", plain(l))
}

// GoString is String, so that %#v shows no password either.
func (l Leaf) GoString() string { return l.String() }

// MarshalText is String, so that encoders show no password either.
func (l Leaf) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// redactQuery hides parameters such as password and sentinel_password.
func redactQuery(u *url.URL) {
	query, err := url.ParseQuery(u.RawQuery)
	secret := err != nil
	for name, values := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			secret = true
			values[0] = redacted
			query[name] = values[:1]
		}
	}
	if secret {
		u.RawQuery = query.Encode()
	}
}

// String returns the settings in one line, without passwords.
func (r Redis) String() string {
	type plain Redis // without this method
	return fmt.Sprintf("%+v", plain(r.hidden()))
}

// GoString is String, so that %#v shows no password either.
func (r Redis) GoString() string { return r.String() }

// MarshalText is String, so that encoders show no password either.
func (r Redis) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the configuration as YAML that Load reads back, complete with
// defaults and resolved policies, but without passwords.
func (c Config) String() string {
	c.Redis, c.NATS.Leaf.URL = c.Redis.hidden(), c.NATS.Leaf.Redacted()
	c.Alerts.Webhook, c.Upstreams = c.Alerts.Redacted(), redactedUpstreams(c.Upstreams)
	text, err := yaml.Marshal(render(reflect.ValueOf(c)))
	if err != nil {
		return fmt.Sprintf("print config: %v", err)
	}
	return string(text)
}

// GoString is String, so that %#v shows no password either.
func (c Config) GoString() string { return c.String() }

// MarshalText is String, so that encoders show no password either.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// render turns a value into the YAML it would be written as.
func render(v reflect.Value) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
		}
		return render(v.Elem())
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, f := range fieldsOf(v.Type()) {
			n.Content = append(n.Content, textScalar(f.name), renderField(v, f))
		}
		return n
	case reflect.Map:
		n := &yaml.Node{Kind: yaml.MappingNode}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, k := range keys {
			n.Content = append(n.Content, textScalar(k.String()), render(v.MapIndex(k)))
		}
		return n
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, render(v.Index(i)))
		}
		return n
	case reflect.String:
		return textScalar(v.String())
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: plainText(v)}
	}
}

// renderField renders a field, as a list if it has more items than one.
func renderField(v reflect.Value, f field) *yaml.Node {
	if f.with != nil && !v.FieldByIndex(f.with).IsZero() {
		return renderInvalid(v.Interface().(Route)) //nolint:forcetypeassert // the one type that has such a field
	}
	n := render(v.FieldByIndex(f.index))
	if f.more == nil || v.FieldByIndex(f.more).Len() == 0 {
		return n
	}
	list := render(v.FieldByIndex(f.more))
	list.Content = append([]*yaml.Node{n}, list.Content...)
	return list
}

// textScalar returns a text, which the tag has quoted where YAML would take it
// for something else.
func textScalar(text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ToValidUTF8(text, "\ufffd")}
	if text == "<<" { // the one case that the encoder overlooks
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// plainText returns a leaf's value as a person would write it.
func plainText(v reflect.Value) string {
	if v.Kind() == reflect.Slice {
		items := make([]string, v.Len())
		for i := range items {
			items[i] = plainText(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return DurationText(d)
	}
	return fmt.Sprint(v.Interface())
}

// DurationText is d.String without the zeros at its end: 72h, not 72h0m0s.
func DurationText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
