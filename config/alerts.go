package config

// This file judges alerts.*, and prints them: the whole URL of a webhook may be a secret, so no message quotes it.

import (
	"fmt"
	"net/url"
)

func (v *validator) checkAlerts() {
	a := v.cfg.Alerts
	if a.Webhook == "" {
		if a.WebhookTokenFile != "" {
			v.bad("alerts.webhook_token_file", "has no effect without alerts.webhook; set both or none")
		}
		return
	}
	switch u, err := url.Parse(a.Webhook); {
	case err != nil:
		v.bad("alerts.webhook", "is no URL; percent-encode special characters, such as %%2F for /")
	case u.Scheme != "http" && u.Scheme != "https":
		v.bad("alerts.webhook", "must begin with http:// or https://")
	case u.Hostname() == "" || !isPort(u.Port(), true):
		v.bad("alerts.webhook", "names no host, or a wrong port; write it as https://host/path")
	case u.Fragment != "":
		v.bad("alerts.webhook", "has a part after #, which is never sent; write it as https://host/path")
	case u.User != nil && a.WebhookTokenFile != "":
		v.bad("alerts.webhook", "holds a user, and alerts.webhook_token_file names a token; choose one of the two")
	}
}

// Redacted returns Webhook fit to be shown: its scheme and host. What follows the host is the secret of many
// receivers.
func (a Alerts) Redacted() string {
	if a.Webhook == "" {
		return ""
	}
	u, err := url.Parse(a.Webhook)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return redacted
	}
	shown := u.Scheme + "://" + u.Host
	if shown == a.Webhook {
		return shown
	}
	return shown + "/" + redacted
}

// String returns the settings in one line, without secrets.
func (a Alerts) String() string {
	a.Webhook = a.Redacted()
	type plain Alerts // without this method
	return fmt.Sprintf("%+v", plain(a))
}

// GoString is String, so that %#v shows no secret either.
func (a Alerts) GoString() string { return a.String() }

// MarshalText is String, so that encoders show no secret either.
func (a Alerts) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
