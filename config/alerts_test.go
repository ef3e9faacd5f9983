package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAlerts(t *testing.T) {
	for url, want := range map[string]string{
		"":                           "",
		"http://127.0.0.1:8080":      "",
		"https://u:p@h/a?b=c":        "",
		"https://hooks.slack.com/s/": "",
		"hooks.slack.com/s":          "must begin with http:// or https://",
		"ftp://h":                    "must begin with http:// or https://",
		"https:///x":                 "names no host, or a wrong port; write it as https://host/path",
		"https://h:0/x":              "names no host, or a wrong port; write it as https://host/path",
		"https://h/x#y":              "has a part after #, which is never sent; write it as https://host/path",
		"https://h/s3cret%zz":        "is no URL; percent-encode special characters, such as %2F for /",
	} {
		c := usable()
		c.Alerts.Webhook = url
		var all []string
		if want != "" {
			all = []string{"alerts.webhook: " + want}
		}
		if diff := cmp.Diff(all, problemsOf(t, &c)); diff != "" {
			t.Errorf("%s: %s", url, diff)
		}
	}
}

func TestTokenOfTheWebhook(t *testing.T) {
	c := usable()
	c.Alerts.WebhookTokenFile = "f"
	want := []string{"alerts.webhook_token_file: has no effect without alerts.webhook; set both or none"}
	if diff := cmp.Diff(want, problemsOf(t, &c)); diff != "" {
		t.Error(diff)
	}
	c.Alerts.Webhook = "https://u:p@h"
	want = []string{
		"alerts.webhook: holds a user, and alerts.webhook_token_file names a token; choose one of the two",
	}
	if diff := cmp.Diff(want, problemsOf(t, &c)); diff != "" {
		t.Error(diff)
	}
}

func TestRedactedWebhook(t *testing.T) {
	for url, want := range map[string]string{
		"":                         "",
		"https://h:1":              "https://h:1",
		"https://h/":               "https://h/xxxxx",
		"https://u:hunter2@h":      "https://h/xxxxx",
		"https://h/hunter2":        "https://h/xxxxx",
		"https://h?hunter2":        "https://h/xxxxx",
		"https://h/hunter2%zz":     "xxxxx",
		"hunter2":                  "xxxxx",
		"https://u:hun/ter2@h":     "xxxxx",
		"https://h#hunter2":        "https://h/xxxxx",
		"https:hunter2":            "xxxxx",
		"https://hunter2@h/x?y=@z": "https://h/xxxxx",
	} {
		if got := (Alerts{Webhook: url}).Redacted(); got != want {
			t.Errorf("%q: got %q, want %q", url, got, want)
		}
	}
}

// TestChangesOfTheWebhook are told without the URL, and need a restart.
func TestChangesOfTheWebhook(t *testing.T) {
	running := usable()
	next := usable()
	next.Alerts.Webhook, next.Alerts.WebhookTokenFile = "https://h/hunter2", "/f"
	if got := strings.Join(Changes(&running, &next), "; "); got != `alerts.webhook; alerts.webhook_token_file: /f, was ""` {
		t.Errorf("the changes are %s", got)
	}
	if diff := cmp.Diff([]string{"alerts.webhook", "alerts.webhook_token_file"}, Restart(&running, &next)); diff != "" {
		t.Error(diff)
	}
}
