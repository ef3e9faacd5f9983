package config

// This file tests what Validate says of each value.

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// problemsOf returns Validate's problems as "path: reason".
func problemsOf(t *testing.T, c *Config) []string {
	t.Helper()
	err := c.Validate()
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T is not joined", err)
	}
	var list []string
	for _, one := range joined.Unwrap() {
		var key *KeyError
		if !errors.As(one, &key) {
			t.Fatalf("%v is no KeyError", one)
		}
		list = append(list, key.Path+": "+key.Reason)
	}
	return list
}

// usable is the default, with what it lacks.
func usable() Config {
	c := Default()
	c.Redis.URL = EmbeddedRedis
	return c
}

const noDot = "and without a dot at its end"

func TestDefaultLacksTheURL(t *testing.T) {
	c := Default()
	want := []string{"redis.url: is not set; write the address of your Redis, such as redis://host:6379, " +
		"or embedded for a Redis inside the relay, for development"}
	if diff := cmp.Diff(want, problemsOf(t, &c)); diff != "" {
		t.Error(diff)
	}
	c = usable()
	if got := problemsOf(t, &c); got != nil {
		t.Errorf("with one: got %q", got)
	}
}

func TestValidate(t *testing.T) {
	noURL := []string{"traces.endpoint: is no URL of a receiver; write http:// or https://, such as http://127.0.0.1:4318"}
	noHost := []string{"traces.endpoint: must be a host, a port and no more than a path, such as http://127.0.0.1:4318"}
	noShare := "; must be from 0 (none) to 1 (all messages)"
	noName := []string{"traces.field: must be a name without quotes, backslashes and control characters"}
	for name, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"traces":                  {func(c *Config) { c.Traces = Traces{"https://collector.example/otlp/v1/traces", 1, "trace.parent"} }, nil},
		"traces over IPv6":        {func(c *Config) { c.Traces.Endpoint = "http://[::1]:4318/" }, nil},
		"traces to a name":        {func(c *Config) { c.Traces.Endpoint = "collector" }, noURL},
		"traces to host:port":     {func(c *Config) { c.Traces.Endpoint = "127.0.0.1:4318" }, noURL},
		"traces by gRPC":          {func(c *Config) { c.Traces.Endpoint = "grpc://h:4317" }, noURL},
		"traces to nobody":        {func(c *Config) { c.Traces.Endpoint = "http://" }, noHost},
		"traces to nobody's port": {func(c *Config) { c.Traces.Endpoint = "http://:4318" }, noHost},
		"traces with a query":     {func(c *Config) { c.Traces.Endpoint = "http://h?token=secret" }, noHost},
		"traces to a port out of range": {func(c *Config) { c.Traces.Endpoint = "http://h:70000" }, []string{
			"traces.endpoint: has the port 70000; write one from 1 to 65535, mostly 4318",
		}},
		"traces with a password": {func(c *Config) { c.Traces.Endpoint = "https://me:secret@h" }, []string{
			"traces.endpoint: must not hold credentials; put them into the environment, in OTEL_EXPORTER_OTLP_HEADERS",
		}},
		"more traces than messages": {func(c *Config) { c.Traces.Sample = 1.5 }, []string{"traces.sample: is 1.5" + noShare}},
		"fewer traces than none":    {func(c *Config) { c.Traces.Sample = -0.1 }, []string{"traces.sample: is -0.1" + noShare}},
		"traces that are no number": {func(c *Config) { c.Traces.Sample = math.NaN() }, []string{"traces.sample: is NaN" + noShare}},
		"traces of no field": {func(c *Config) { c.Traces.Field = "" }, []string{
			"traces.field: must not be empty; write the name of a JSON field, such as traceparent",
		}},
		"traces of a field with a quote":     {func(c *Config) { c.Traces.Field = `a"b` }, noName},
		"traces of a field with a backslash": {func(c *Config) { c.Traces.Field = `a\b` }, noName},
		"traces of a field in two lines":     {func(c *Config) { c.Traces.Field = "a\nb" }, noName},
		"enums": {
			func(c *Config) {
				c.Redis.Mode, c.Log.Level, c.Log.Format, c.Unrouted = "x", "loud", "xml", ""
			},
			[]string{
				`redis.mode: "x" is not known; write single, sentinel or cluster`,
				`log.level: "loud" is not known; write debug, info, warn or error`,
				`log.format: "xml" is not known; write console or json`,
				`unrouted: "" is not known; write allow or deny`,
			},
		},
		"numbers": {
			func(c *Config) {
				c.Limits = Limits{
					Clients: -1, Payload: 513 * MiB, CommandTimeout: -time.Second, QueueAge: -1,
					PatternPrefixes: []string{"a:", ""},
				}
				c.Redis.PublishTimeout, c.Redis.ProbeInterval, c.Redis.AlertAfter = 0, -time.Second, 0
			},
			[]string{
				"redis.publish_timeout: is 0s; must be more than 0",
				"redis.probe_interval: is -1s; must be more than 0",
				"redis.alert_after: is 0; must be more than 0",
				"limits.clients: is -1; must be more than 0",
				"limits.subscriptions: is 0; must be more than 0",
				"limits.patterns: is 0; must be more than 0",
				"limits.name: is 0B; must be more than 0",
				"limits.pattern_length: is 0B; must be more than 0",
				"limits.pattern_prefixes[1]: must not be empty; an empty list allows any pattern",
				"limits.queue: is 0B; must be more than 0",
				"limits.memory: is 0B; must be more than 0",
				"limits.publish_window: is 0; must be more than 0",
				"limits.command_timeout: is -1s; must be 0s (none) or more",
				"limits.queue_age: is -1ns; must be 0 (no bound) or more",
				"limits.payload: is 513MiB; the relay takes no message of more than 32MiB",
			},
		},
		"a window of more than can wait": {
			func(c *Config) { c.Limits.PublishWindow = 1<<18 + 1 },
			[]string{"limits.publish_window: is 262145; no more than 262144 can wait for Redis"},
		},
		"names that are too long to be kept": {
			func(c *Config) { c.Limits.Name = 64*KiB + 1 },
			[]string{"limits.name: is 65537B; the relay takes no name of more than 64KiB"},
		},
		"memory for less than one queue": {
			func(c *Config) { c.Limits.Memory = 7 * MiB },
			[]string{"limits.memory: is 7MiB, less than limits.queue (8MiB); raise it, or lower limits.queue"},
		},
		"socket": {
			func(c *Config) { c.Socket.Path, c.Socket.Mode = "", "rw" },
			[]string{
				"socket.path: must not be empty",
				`socket.mode: "rw" is no file mode; write octal text such as "0660"`,
			},
		},
		"socket with NUL": {
			func(c *Config) { c.Socket.Path = "a\x00b" },
			[]string{"socket.path: must not hold a NUL byte"},
		},
		"http": {
			func(c *Config) { c.HTTP.Listen = "9464" },
			[]string{`http.listen: "9464" is no address; write host:port such as 127.0.0.1:9464`},
		},
		"http port": {
			func(c *Config) { c.HTTP.Listen = ":70000" },
			[]string{`http.listen: ":70000" is no address; write host:port such as 127.0.0.1:9464`},
		},
		"http shows too much": {
			func(c *Config) { c.HTTP = HTTP{Listen: ":9464", Payloads: true, Pprof: true} },
			[]string{
				`http.payloads: http.listen, ":9464", can be reached from outside; set http.token_file or listen on 127.0.0.1`,
				`http.pprof: http.listen, ":9464", can be reached from outside; set http.token_file or listen on 127.0.0.1`,
			},
		},
		"http shows much to few": {
			func(c *Config) { c.HTTP = HTTP{Listen: ":9464", Payloads: true, Pprof: true, TokenFile: "t"} }, nil,
		},
		"http hosts": {
			func(c *Config) { c.HTTP.Hosts = []string{"relay.internal", "h:1", "", "h.internal.", "h.internal,h"} },
			[]string{
				`http.hosts[1]: "h:1" is no name of a host; write one such as relay.internal, without a port ` + noDot,
				`http.hosts[2]: "" is no name of a host; write one such as relay.internal, without a port ` + noDot,
				`http.hosts[3]: "h.internal." is no name of a host; write one such as relay.internal, without a port ` + noDot,
				`http.hosts[4]: "h.internal,h" is no name of a host; write one such as relay.internal, without a port ` + noDot,
			},
		},
		"http off":  {func(c *Config) { c.HTTP.Listen = "" }, nil},
		"http free": {func(c *Config) { c.HTTP.Listen = "[::1]:0" }, nil},
		"tcp": {
			func(c *Config) { c.Socket.TCP = "6380" },
			[]string{`socket.tcp: "6380" is no address; write host:port such as 127.0.0.1:9464`},
		},
		"tcp outside": {
			func(c *Config) { c.Socket.TCP = "0.0.0.0:6380" },
			[]string{
				`socket.tcp: "0.0.0.0:6380" can be reached from outside; set socket.password_file or listen on 127.0.0.1`,
			},
		},
		"tcp by a name": {
			func(c *Config) { c.Socket.TCP = "host.internal:6380" },
			[]string{
				`socket.tcp: "host.internal:6380" can be reached from outside; set socket.password_file or listen on 127.0.0.1`,
			},
		},
		"tcp inside":        {func(c *Config) { c.Socket.TCP = "[::1]:6380" }, nil},
		"tcp with password": {func(c *Config) { c.Socket.TCP, c.Socket.PasswordFile = ":6380", "p" }, nil},
		"password alone": {
			func(c *Config) { c.Socket.PasswordFile = "p" },
			[]string{
				"socket.password_file: has no effect without socket.tcp; set both or none. On the Unix socket its permissions decide",
			},
		},
		"nats outside": {
			func(c *Config) { c.NATS.Listen = ":4222" },
			[]string{
				`nats.listen: ":4222" can be reached from outside; set nats.token_file or listen on 127.0.0.1`,
			},
		},
		"nats inside": {
			func(c *Config) { c.NATS.Listen = "localhost:4222" },
			nil,
		},
		"nats with token": {
			func(c *Config) { c.NATS = NATS{Listen: "10.0.0.1:4222", TokenFile: "t"} },
			nil,
		},
		"users": {
			func(c *Config) {
				c.Routes = []Route{NewRoute("a:"), NewRoute("b:")}
				a, b := &c.Routes[0], &c.Routes[1]
				a.Publish, a.PublishUIDs, a.SubscribeUIDs = false, []uint32{1}, []uint32{1, 2}
				b.NATS, b.PublishUIDs, b.SubscribeUIDs = true, []uint32{0}, []uint32{1}
			},
			[]string{
				"routes[0].publish_uids: has no effect with publish: false",
				"routes[1].publish_uids: cannot hold with nats: true, since NATS clients have no user id; choose one of the two",
				"routes[1].subscribe_uids: cannot hold with nats: true, since NATS clients have no user id; choose one of the two",
			},
		},
		"tls halves": {
			func(c *Config) { c.Redis.URL, c.Redis.TLS.Cert = "rediss://h", "c.pem" },
			[]string{"redis.tls: cert and key go together; set both or none"},
		},
		"tls without TLS": {
			func(c *Config) { c.Redis.URL, c.Redis.TLS.CA = "redis://h", "ca.pem" },
			[]string{"redis.tls: has no effect without TLS; write rediss:// in redis.url"},
		},
		"embedded with password": {
			func(c *Config) { c.Redis.PasswordFile = "pw" },
			[]string{"redis.password_file: has no effect with redis.url: embedded; write the address of your Redis there"},
		},
		"sentinels' password without sentinels": {
			func(c *Config) { c.Redis.Sentinel.PasswordFile = "pw" },
			[]string{"redis.sentinel: is for redis.mode sentinel, not single; take it out"},
		},
		"embedded sentinels": {
			func(c *Config) { c.Redis.Mode = ModeSentinel },
			[]string{"redis.mode: does not go with redis.url: embedded; write single, or the address of your Redis"},
		},
		"history on a cluster": {
			func(c *Config) {
				c.Redis.Mode, c.Redis.URL = ModeCluster, "redis://h"
				kept, plain := NewRoute("a:"), NewRoute("b:")
				kept.Policy.History = &History{Length: 5}
				plain.Kinds = map[string]Policy{"k": kept.Policy, "l": plain.Policy}
				plain.Policy.Rate = Rate{Limit: 1, Burst: 1, DeadLetter: "dead:b"}
				c.Routes = []Route{kept, plain}
			},
			[]string{
				"routes[0].history: history on a Redis Cluster is not supported by this version yet; take history out, or " +
					"put the route on an upstream in mode single or sentinel",
				"routes[1].kinds.k.history: history on a Redis Cluster is not supported by this version yet; take history out, " +
					"or put the route on an upstream in mode single or sentinel",
				"routes[1].rate.dead_letter: a stream for dead letters on a Redis Cluster is not supported by this version yet; " +
					"take it out, or put the route on an upstream in mode single or sentinel",
			},
		},
		"sharded": {
			func(c *Config) {
				c.Redis.URL = "redis://h"
				c.Upstreams = map[string]Redis{"eu": c.Redis}
				c.NATS.Listen = "127.0.0.1:1"
				all, none := NewRoute("a:"), NewRoute("b:")
				all.Sharded, all.NATS, all.AlsoSubscribe, all.Last = true, true, []string{"eu"}, true
				all.Policy.History = &History{Length: 5}
				none.Sharded = true
				c.Routes = []Route{all, none}
			},
			[]string{
				"routes[0].sharded: does not go with nats: true; NATS clients listen by wildcards, and Redis has no patterns " +
					"of shard channels, so take one of the two out",
				"routes[0].sharded: does not go with also_subscribe; take one of the two out",
				"routes[0].history: history on a sharded route is not supported by this version yet; take history out, or sharded",
				"routes[0].last: a last value on a sharded route is not supported by this version yet; take last out, or sharded",
			},
		},
		"history elsewhere": {
			func(c *Config) {
				c.Redis.URL = "redis://h"
				c.Upstreams = map[string]Redis{"eu": c.Redis}
				c.Redis.Mode = ModeCluster
				kept, also := NewRoute("a:"), NewRoute("b:")
				kept.Upstream, also.Upstream, also.AlsoSubscribe = "eu", "eu", []string{"main"}
				kept.Policy.History = &History{Length: 5}
				also.Policy.History = &History{Length: 5}
				c.Routes = []Route{kept, also}
			},
			[]string{
				"routes[1].history: history on a Redis Cluster is not supported by this version yet; take history out, or " +
					"put the route on an upstream in mode single or sentinel",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := usable()
			c.change(&cfg)
			if diff := cmp.Diff(c.want, problemsOf(t, &cfg)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSocketPathLength(t *testing.T) {
	cfg := usable()
	cfg.Socket.Path = strings.Repeat("x", maxSocketPath)
	if got := problemsOf(t, &cfg); got != nil {
		t.Errorf("the longest path: got %q", got)
	}
	cfg.Socket.Path += "x"
	if got := problemsOf(t, &cfg); len(got) != 1 || !strings.HasPrefix(got[0], "socket.path: has ") {
		t.Errorf("one byte more: got %q", got)
	}
}

func TestFileMode(t *testing.T) {
	for text, want := range map[string]int{"0660": 0o660, "660": 0o660, "0777": 0o777, "000": 0} {
		if got, err := (Socket{Mode: text}).FileMode(); err != nil || int(got) != want {
			t.Errorf("%q: got %o, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "60", "0o660", "1777", "00660", "0888", "-660", "+660", "0_60"} {
		if got, err := (Socket{Mode: text}).FileMode(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: got %o, %v", text, got, err)
		}
	}
}

func TestValidateURL(t *testing.T) {
	const secret = "hunter2"
	for _, c := range []struct {
		mode RedisMode
		url  string
		want string // a part of the only problem; "": none
	}{
		{ModeSingle, "redis://h:6379", ""},
		{ModeSingle, "redis://h:6379/3", ""},
		{ModeSingle, "redis://[::1]:6379", ""},
		{ModeSingle, "rediss://user:hunter2@h?read_timeout=3s", ""},
		{ModeSingle, "unix:///run/redis.sock?db=2", ""},
		{ModeSingle, "unix://user:hunter2@/run/redis.sock", ""},
		{ModeSingle, "http://user:hunter2@h", "must begin with redis://"},
		{ModeSingle, "localhost:6379", "write redis:// before it, as in redis://host:6379"},
		{ModeSingle, "127.0.0.1:6379", "write redis:// before it, as in redis://host:6379"},
		{ModeSingle, ":hunter2@h:6379", "write redis:// before it, as in redis://host:6379"},
		{ModeSingle, "redis.internal", "write redis:// before it, as in redis://host:6379"},
		{ModeSingle, "/run/redis.sock", "write unix:// before the path of a socket"},
		{ModeSingle, "Embedded", "must be written embedded"},
		{ModeSingle, "redis://h:port", "is no URL; write it as redis://host:6379"},
		{ModeSingle, "redis://", "names no host; write redis://host:6379"},
		{ModeSingle, "rediss:///1", "names no host; write rediss://host:6379"},
		{ModeSingle, "redis:hunter2@h", "misses its slashes"},
		{ModeSingle, "redis://:hunter2/x@h:6379", "percent-encode"},
		{ModeSingle, "redis://:1/hunter2@h:6379", "database number"},
		{ModeSingle, "redis://h/hunter2", "database number"},
		{ModeSingle, "redis://h/-1", "database number"},
		{ModeSingle, "redis://:hunter2\n@h", "percent-encode"},
		{ModeSingle, "unix://run/redis.sock", "must name a socket file"},
		{ModeSingle, "unix://", "must name a socket file"},
		{ModeSingle, "redis://h?master_name=m&addr=h2:1", "for redis.mode sentinel"},
		{ModeSentinel, "redis://u:hunter2@h:26379?master_name=m&addr=h2:26379&addr=h3:26379", ""},
		{ModeSentinel, "redis://h:26379?addr=h2:26379", "add ?master_name=mymaster"},
		{ModeSentinel, "redis://h:26379?master_name=m", "add &addr=host2:26379"},
		{ModeSentinel, "redis://h:26379?master_name=m&addr=hunter2", "addr that is not host:port"},
		{ModeSentinel, "unix:///s?master_name=m&addr=h:1", "mode sentinel needs redis://"},
		{ModeCluster, "rediss://u:hunter2@h:6379/0?addr=h2:6379&addr=h3:6379", ""},
		{ModeCluster, "redis://h", ""},
		{ModeCluster, "redis://h/1", "has only 0; take /1 out"},
		{ModeCluster, "redis://h?addr=hunter2", "addr that is not host:port"},
		{ModeCluster, "redis://h?master_name=m", "for redis.mode sentinel, not cluster"},
		{ModeCluster, "unix:///s", "mode cluster needs redis://"},
	} {
		cfg := usable()
		cfg.Redis.Mode, cfg.Redis.URL = c.mode, c.url
		got := problemsOf(t, &cfg)
		switch {
		case c.want == "" && len(got) == 0:
		case c.want != "" && len(got) == 1 && strings.Contains(got[0], c.want):
		default:
			t.Errorf("%s %q: got %q, want %q", c.mode, c.url, got, c.want)
		}
		if strings.Contains(strings.Join(got, " "), secret) {
			t.Errorf("%q: the problem shows the password: %q", c.url, got)
		}
	}
}

func TestValidateLeafCA(t *testing.T) {
	for url, want := range map[string][]string{
		"":                     {"nats.leaf.ca: has no effect without nats.leaf.url; set both or none"},
		"tls://h,tls://u:p@i":  nil,
		"tls://h,nats://u:p@i": {"nats.leaf.ca: has no effect without TLS; write tls:// before each server in nats.leaf.url"},
	} {
		cfg := usable()
		cfg.NATS.Leaf = Leaf{URL: url, CA: "ca.pem"}
		if diff := cmp.Diff(want, problemsOf(t, &cfg)); diff != "" {
			t.Errorf("%q: %s", url, diff)
		}
	}
}

func TestValidateLeaf(t *testing.T) {
	const secret = "hunter2"
	for _, c := range []struct {
		url, credentials string
		want             string // a part of the only problem; "": none
	}{
		{"", "", ""},
		{"", "f.creds", "has no effect without nats.leaf.url"},
		{"nats-leaf://h:7422", "f.creds", ""},
		{"tls://h, tls://[::1]:7422", "", ""},
		{"nats://user:hunter2@h:7422", "", ""},
		{"nats://hunter2@h:7422/", "", ""},
		{"nats://user:hunter2@h", "f.creds", "choose one of the two"},
		{"nats://a,user:hunter2@b", "", "must begin with nats://"},
		{"redis://user:hunter2@h", "", "must begin with nats://"},
		{"h:7422", "", "must begin with nats://"},
		{"nats://user:hun,ter2@h", "", "percent-encode"},
		{"nats://u:p@h,", "", "must begin with nats://"},
		{"nats://:7422", "", "must be a host"},
		{"nats://h/hunter2", "", "must be a host"},
		{"nats://h?password=hunter2", "", "must be a host"},
		{"nats://:hunter2/x@h", "", "percent-encode"},
	} {
		cfg := usable()
		cfg.NATS.Leaf = Leaf{URL: c.url, Credentials: c.credentials}
		got := problemsOf(t, &cfg)
		switch {
		case c.want == "" && len(got) == 0:
		case c.want != "" && len(got) == 1 && strings.Contains(got[0], c.want):
		default:
			t.Errorf("%q: got %q, want %q", c.url, got, c.want)
		}
		if strings.Contains(strings.Join(got, " "), secret) {
			t.Errorf("%q: the problem shows the password: %q", c.url, got)
		}
	}
}

func TestValidateRoutes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Route)
		want   []string
	}{
		"default": {func(*Route) {}, nil},
		"empty": {
			func(r *Route) { r.Prefix = "" },
			[]string{"prefix: must not be empty; channels that no route covers follow unrouted"},
		},
		"reserved": {
			func(r *Route) { r.Prefix = "relay:x" },
			[]string{`prefix: "relay:" is reserved for the relay's own channels; choose another`},
		},
		"beside":   {func(r *Route) { r.Prefix = "relays:" }, nil},
		"subdir":   {func(r *Route) { r.Schema = "v1/chat.json" }, nil},
		"outside":  {func(r *Route) { r.Schema = "../chat.json" }, []string{outside("../chat.json")}},
		"hidden":   {func(r *Route) { r.Schema = "a/../../b" }, []string{outside("a/../../b")}},
		"absolute": {func(r *Route) { r.Schema = "/etc/passwd" }, []string{outside("/etc/passwd")}},
		"windows":  {func(r *Route) { r.Schema = `..\b` }, []string{outside(`..\b`)}},
		"scheme":   {func(r *Route) { r.Schema = "file:x" }, []string{outside("file:x")}},
		"older":    {func(r *Route) { r.Schema, r.OlderSchemas = "b.json", []string{"a.json"} }, nil},
		"older outside": {
			func(r *Route) { r.Schema, r.OlderSchemas = "b.json", []string{"../a.json"} }, []string{outside("../a.json")},
		},
		"schema twice": {
			func(r *Route) { r.Schema, r.OlderSchemas = "b.json", []string{"b.json"} },
			[]string{"schema: has b.json twice; take one out"},
		},
		"schema without a name": {
			func(r *Route) { r.OlderSchemas = []string{"b.json"} },
			[]string{"schema: has an empty name in its list; take it out"},
		},
		"many schemas": {
			func(r *Route) { r.Schema, r.OlderSchemas = "a", []string{"b", "c", "d", "e"} },
			[]string{"schema: has 5 schemas; at most 4 are tried for a message"},
		},
		"evolve of nothing": {
			func(r *Route) { r.Evolve = EvolveFull }, []string{"evolve: has no effect without schema; name one, or take evolve out"},
		},
		"unknown evolve": {
			func(r *Route) { r.Schema, r.Evolve = "a.json", "up" },
			[]string{`evolve: "up" is not known; write none, backward, forward or full`},
		},
		"words": {
			func(r *Route) {
				r.Invalid, r.Policy.Slow, r.Policy.OnGap, r.Policy.Deliver = "drop", "quit", "", "some"
			},
			[]string{
				`invalid: "drop" is not known; write reject or log`,
				`slow: "quit" is not known; write disconnect, drop or latest`,
				`on_gap: "" is not known; write disconnect or notify`,
				`deliver: "some" is not known; write all or one`,
			},
		},
		"kind field": {
			func(r *Route) { r.Kind, r.Kinds = "", map[string]Policy{"a": r.Policy} },
			[]string{"kind: must name a field, since the route has kinds"},
		},
		"rates": {
			func(r *Route) { r.Policy.Rate = Rate{Limit: -1, Burst: -2, Alert: math.NaN()} },
			[]string{
				"rate.limit: is -1; must be 0 (none) or more",
				"rate.burst: is -2; must be 0 (none) or more",
				"rate.alert: is NaN; must be 0 (none) or more",
			},
		},
		"endless rate": {
			func(r *Route) { r.Policy.Rate = Rate{Limit: math.Inf(1), Burst: 1} },
			[]string{
				"rate.limit: is +Inf; must be 0 (none) or more",
			},
		},
		"burst alone": {
			func(r *Route) { r.Policy.Rate.Burst = 5 },
			[]string{
				"rate.burst: has no effect without rate.limit",
			},
		},
		"latest_by alone": {
			func(r *Route) { r.Policy.LatestBy = "userId" },
			[]string{"latest_by: has no effect without slow: latest"},
		},
		"history": {
			func(r *Route) { r.Policy.History = &History{TTL: -1} },
			[]string{
				"history.length: is missing; write how many messages to keep, as in history: {length: 1000, ttl: 72h}",
				"history.ttl: is -1ns; must not be negative",
			},
		},
		"nats, to one in turn": {
			func(r *Route) {
				r.NATS = true
				one := r.Policy
				one.Deliver = DeliverOne
				r.Kinds = map[string]Policy{"k": one}
			},
			[]string{"nats: does not go with deliver: one; NATS clients share work by queue groups, " +
				"so write deliver: all or take nats out"},
		},
		"last, to one in turn": {
			func(r *Route) {
				r.Last = true
				one := r.Policy
				one.Deliver = DeliverOne
				r.Kinds = map[string]Policy{"k": one}
			},
			[]string{"last: does not go with deliver: one; each message is one listener's work, and a new listener would " +
				"get what another has done, so write deliver: all or take last out"},
		},
		"last, for nobody": {
			func(r *Route) { r.Last, r.Subscribe = true, false },
			[]string{"last: has no effect with subscribe: false; take one of the two out"},
		},
		"a kind's own problem": {
			func(r *Route) {
				r.Policy.Slow = "quit"
				own := r.Policy
				own.Deliver = "some"
				r.Kinds = map[string]Policy{"k.1": own}
			},
			[]string{
				`slow: "quit" is not known; write disconnect, drop or latest`,
				`kinds["k.1"].deliver: "some" is not known; write all or one`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := usable()
			cfg.Routes = []Route{NewRoute("a:")}
			c.change(&cfg.Routes[0])
			var want []string
			for _, w := range c.want {
				want = append(want, "routes[0]."+w)
			}
			if diff := cmp.Diff(want, problemsOf(t, &cfg)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func outside(name string) string {
	return `schema: ` + quoted(name) + ` is not a file inside the schemas folder; write a name such as chat.json`
}

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `\`, `\\`) + `"` }

func TestValidateAcrossRoutes(t *testing.T) {
	cfg := usable()
	cfg.Routes = []Route{NewRoute("a:"), NewRoute("b:"), NewRoute("a:")}
	cfg.Routes[1].Schema, cfg.Schemas.Dir = "b.json", ""
	want := []string{
		"routes[1].schema: needs the schemas folder; set schemas",
		`routes[2].prefix: "a:" is already the prefix of routes[0]; merge the two`,
	}
	if diff := cmp.Diff(want, problemsOf(t, &cfg)); diff != "" {
		t.Error(diff)
	}
}

func TestValidateSaysWhereAValueWasWritten(t *testing.T) {
	path := write(t, "log:\n  level: loud\nroutes:\n- prefix: 'a:'\n  slow: quit\n- prefix: 'a:'\n  rate: &r {burst: 5}\n"+
		"- {prefix: 'b:', rate: *r}\n")
	cfg, err := Load(Source{
		Path:  path,
		Env:   []string{"RELAY_LOG_FORMAT=xml", "RELAY_REDIS_URL=embedded"},
		Flags: map[string]string{"unrouted": "maybe"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		path + ":2: log.level: ", "RELAY_LOG_FORMAT: log.format: ", "--unrouted: ",
		path + ":5: routes[0].slow: ", path + ":6: routes[1].prefix: ", path + ":7: routes[1].rate.burst: ",
		path + ":7: routes[2].rate.burst: ",
	}
	err = cfg.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("got:\n%v", err)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want it to begin with %q", got[i], want[i])
		}
	}

	cfg, err = Load(Source{Path: path, Env: []string{`RELAY_ROUTES=[{prefix: "x:", slow: quit}]`}})
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Validate().Error(); !strings.Contains(got, "RELAY_ROUTES: routes[0].slow: ") {
		t.Errorf("got %v", got)
	}
	if !errors.Is(cfg.Validate(), ErrInvalid) || errors.Is(cfg.Validate(), ErrUnsupported) {
		t.Error("the sentinel is not found")
	}
}
