package upstreams

// What the commands say about several Redises, without a relay and before one starts.

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/preflight"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// configured is a configuration with the upstreams main and eu.
func configured(t *testing.T, main, eu *redistest.Server) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Redis.URL, cfg.Schemas.Dir = main.URL(), t.TempDir()
	r := cfg.Redis
	r.URL = eu.URL()
	cfg.Upstreams = map[string]config.Redis{"eu": r}
	cfg.Routes = []config.Route{
		on("main", "m:", mirroring(5)), on("eu", "e:", func(r *config.Route) { r.AlsoSubscribe = []string{"main"} }),
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

func TestExplainNamesTheUpstream(t *testing.T) {
	t.Parallel()
	main, eu := redistest.Start(t), redistest.Start(t)
	cfg := configured(t, main, eu)
	for channel, want := range map[string]string{
		"m:1": "upstream      main, " + main.URL() + "; 5 % of what is published go to eu, too\n",
		"e:1": "upstream      eu, " + eu.URL() + "; messages on main are heard, too\n",
	} {
		var text bytes.Buffer
		if _, err := preflight.Explain(cfg, &preflight.Question{Channel: channel}, false, &text); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s: no %q in\n%s", channel, want, text.String())
		}
	}
	var text bytes.Buffer
	if err := preflight.Describe(cfg, &text); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"redis eu  " + eu.URL() + " (single)\n", "m:        the same  main           5 % to eu  -", "e:        the same  eu, also main  -"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

// TestCheckAsksEach, and what each must allow is what its routes need.
func TestCheckAsksEach(t *testing.T) {
	t.Parallel()
	main, eu := redistest.Start(t), redistest.Start(t)
	cfg := configured(t, main, eu)
	var text bytes.Buffer
	if err := preflight.CheckRedis(context.Background(), cfg, &text); err != nil {
		t.Errorf("%v\n%s", err, text.String())
	}
	for _, want := range []string{"upstream main\n", "upstream eu\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
	eu.Kill()
	err := preflight.CheckRedis(context.Background(), cfg, &text)
	if err == nil || errors.Is(err, preflight.ErrRedisLacks) || !strings.Contains(err.Error(), "upstreams.eu.url") {
		t.Errorf("without eu: %v", err)
	}
}

// TestCheckFindsOneRedisByTwoAddresses, which is a mistake unless the names differ.
func TestCheckFindsOneRedisByTwoAddresses(t *testing.T) {
	t.Parallel()
	main := redistest.Start(t)
	cfg := configured(t, main, main)
	eu := cfg.Upstreams["eu"]
	_, port, err := net.SplitHostPort(main.Addr())
	if err != nil {
		t.Fatal(err)
	}
	eu.URL = "redis://localhost:" + port
	const same, twice = "warning: this is the same Redis as the upstream main", "comes twice"
	for prefix, isTwice := range map[string]bool{"": true, "eu:": false} {
		eu.Prefix = prefix
		cfg.Upstreams["eu"] = eu
		var text bytes.Buffer
		if err := preflight.CheckRedis(context.Background(), cfg, &text); err != nil {
			t.Error(err)
		}
		if !strings.Contains(text.String(), same) || strings.Contains(text.String(), twice) != isTwice {
			t.Errorf("with the prefix %q:\n%s", prefix, text.String())
		}
	}
}

// TestCheckOfARedisThatIsHeard: its user needs no right to publish there.
func TestCheckOfARedisThatIsHeard(t *testing.T) {
	t.Parallel()
	main := redistest.Start(t, redistest.WithACL("reader on >secret &* ~history:* +@all -publish -xadd -hset -pexpire"))
	cfg := configured(t, main, redistest.Start(t))
	cfg.Redis.URL = "redis://reader:secret@" + main.Addr()
	cfg.Routes = []config.Route{on("eu", "e:", kept, func(r *config.Route) { r.AlsoSubscribe = []string{"main"} })}
	var text bytes.Buffer
	if err := preflight.CheckRedis(context.Background(), cfg, &text); err != nil {
		t.Errorf("%v\n%s", err, text.String())
	}
	cfg.Routes = append(cfg.Routes, on("main", "m:", kept))
	text.Reset()
	err := preflight.CheckRedis(context.Background(), cfg, &text)
	if !errors.Is(err, preflight.ErrRedisLacks) || !strings.Contains(text.String(), "fails: +xadd: ") {
		t.Errorf("with a route there: %v\n%s", err, text.String())
	}
}

// TestEmbeddedUpstreams: for development each upstream may be a Redis inside the relay.
func TestEmbeddedUpstreams(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, nil, harness.WithRoutes(on("main", "m:"), on("eu", "ekept:", kept)), func(c *config.Config) {
		eu := c.Redis
		eu.URL = config.EmbeddedRedis
		c.Upstreams = map[string]config.Redis{"eu": eu}
	})
	awaitReady(t, r, "eu", 1)
	c, pub := r.Subscribe("m:1", "ekept:1"), r.Dial()
	publish(t, pub, "m:1", "x", 1)
	c.Expect(t, message("m:1", "x"))
	pub.Do("XADD", "ekept:1", "*", "payload", "y")
	c.Expect(t, message("ekept:1", "y"))
}
