package asyncapi_test

import (
	"os"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/asyncapi"
)

// TestReferencesStayWithinTheDocument: nothing in it changes where they lead, or leads to a file.
func TestReferencesStayWithinTheDocument(t *testing.T) {
	t.Parallel()
	cfg := load(t, folder(t, map[string]string{
		"relay.yaml":        "routes: [{prefix: 'c:', schema: chat.json}, {prefix: 'n:', schema: new.json}, {prefix: 'r:', schema: nested.json}]",
		"schemas/chat.json": pool["chat.json"], "schemas/ids.json": pool["ids.json"], "schemas/new.json": pool["new.json"],
		"schemas/nested.json": pool["nested.json"], "schemas/other.json": `{}`,
	}))
	text, err := os.ReadFile(document(t, cfg, true))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{`"$id"`, `"$anchor"`, "other"} {
		if strings.Contains(string(text), name) {
			t.Errorf("it has %s:\n%s", name, text)
		}
	}
	if all, own := strings.Count(string(text), `"$ref"`), strings.Count(string(text), `"$ref": "#/`); all != own || all < 10 {
		t.Errorf("%d references, %d of them within:\n%s", all, own, text)
	}
}

// TestServers: who reads the document learns no secret.
func TestServers(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://h":                        "redis:\n    host: h\n    protocol: redis\n",
		"rediss://u:s3cret@h:1/2?x=s3cret": "redis:\n    host: h:1\n    pathname: /2\n    protocol: rediss\n",
		"redis://[::1]:6379":               "host: '[::1]:6379'\n",
		"embedded":                         "version: \"1\"\nchannels: {}\n",
		"unix:///run/s3cret.sock":          "version: \"1\"\nchannels: {}\n",
	} {
		cfg := config.Default()
		cfg.Redis.URL = url
		text := printed(t, &cfg)
		if !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
			t.Errorf("%s: no\n%s\nin\n%s", url, want, text)
		}
		if asks := strings.Contains(text, "userPassword"); asks != strings.Contains(url, "@") {
			t.Errorf("%s: asks for a password: %v", url, asks)
		}
	}
	cfg := config.Default()
	cfg.Redis = config.Redis{Mode: config.ModeSentinel, URL: "redis://a:1?master_name=m&addr=b:2", PasswordFile: "p"}
	if text := printed(t, &cfg); strings.Count(text, "A sentinel of the master") != 2 || !strings.Contains(text, "redis-2:\n    host: b:2\n") ||
		!strings.Contains(text, "userPassword") {
		t.Error(text)
	}
}

func printed(t *testing.T, cfg *config.Config) string {
	t.Helper()
	doc, err := asyncapi.New(cfg, asyncapi.Info{Title: "T", Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := doc.WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
