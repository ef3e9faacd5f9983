package names

// What Redis has, and what of it is heard.

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/notice"
	"redis-relay/relay/preflight"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// acme are a prefix, a renamed route with history, one without, and channels that no route covers.
func acme(c *config.Config) {
	c.Redis.Prefix = "acme:"
	c.Routes = []config.Route{
		harness.NewRoute("chat:", func(r *config.Route) {
			r.Rename = "v2:{name}"
			r.Policy.History = &config.History{Length: 100}
			r.Policy.OnGap = config.OnGapNotify
		}),
		harness.NewRoute("v2:", func(r *config.Route) { r.Publish, r.Subscribe = false, false }),
	}
}

// TestNamesThatRedisHas: all begin with the prefix, keys and the relay's own channels, too.
func TestNamesThatRedisHas(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, acme)
	all := redistest.Dial(t, "tcp", redis.Addr())
	all.Send("PSUBSCRIBE", "*")
	all.Expect(t, "[psubscribe * 1]")
	sub, pub := r.Subscribe("chat:1", "news"), r.Dial()
	sub.Do("PSUBSCRIBE", "c*", "chat:*")
	if n := pub.Do("PUBLISH", "chat:1", "kept"); n.String() != ":4" {
		t.Errorf("heard by %s", n)
	}
	if n := pub.Do("PUBLISH", "news", "not kept"); n.String() != ":2" {
		t.Errorf("heard by %s", n)
	}
	redis.MustDo("PUBLISH", "end", "")
	heard := []string{}
	for {
		v := all.Receive()
		if name := v.Elems[2].Str; name == "end" {
			break
		} else if !strings.HasPrefix(name, "acme:relay:probe:") {
			heard = append(heard, name)
		}
	}
	if want := []string{"acme:relay:seq:v2:chat:1", "acme:v2:chat:1", "acme:news"}; !slices.Equal(heard, want) {
		t.Errorf("Redis sent %q, want %q", heard, want)
	}
	for _, command := range [][]string{{"KEYS", "*"}, {"PUBSUB", "CHANNELS"}, {"PUBSUB", "SHARDCHANNELS"}} {
		if command[1] == "SHARDCHANNELS" && !redis.Shards() {
			continue
		}
		names := redis.MustDo(command...).Elems
		if len(names) == 0 {
			t.Errorf("%v lists nothing", command)
		}
		for _, name := range names {
			if !strings.HasPrefix(name.Str, "acme:") {
				t.Errorf("%v lists %q", command, name.Str)
			}
		}
	}
	if n := redis.MustDo("XLEN", "acme:history:{v2:chat:1}"); n.Int != 1 {
		t.Errorf("the stream has %s entries", n)
	}
}

// TestOnlyNamesOfChannelsAreHeard: others at Redis are nobody's here, whatever pattern brings them.
func TestOnlyNamesOfChannelsAreHeard(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, acme)
	sub := r.Dial()
	sub.Send("PSUBSCRIBE", "*")
	sub.Expect(t, "[psubscribe * 1]")
	for _, name := range []string{
		"news", "chat:1", "v2:chat:1", // without the prefix
		"acme:chat:1",       // the channel has another name
		"acme:v2:other",     // of a route that is closed
		"acme:relay:events", // the relay's own
		"acme:v2:relay:events",
	} {
		redis.MustDo("PUBLISH", name, "nobody hears it")
	}
	redis.MustDo("PUBLISH", "acme:v2:chat:1", "heard once")
	redis.MustDo("PUBLISH", "acme:news", "heard")
	redis.MustDo("PUBLISH", "acme:", "no name")
	redis.MustDo("PUBLISH", "acme:end", "")
	sub.Expect(t, `[pmessage * chat:1 "heard once"]`, "[pmessage * news heard]", `[pmessage * end ""]`)
}

// TestLossWithNames: what a lost connection kept from a pattern that crosses renames is had back, on channels never heard
// before, too.
func TestLossWithNames(t *testing.T) {
	t.Parallel()
	acme := func(c *config.Config) {
		acme(c)
		vip := c.Routes[0]
		vip.Prefix, vip.Rename = "chat:vip:", ""
		c.Routes = append(c.Routes, vip)
	}
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, acme, harness.WithRedis("redis://"+proxy.Addr()))
	other := harness.Start(t, redis, acme)
	sub, pub := r.Dial(), other.Dial()
	sub.Send("PSUBSCRIBE", "chat:*")
	sub.Expect(t, "[psubscribe chat:* 1]")
	pub.Do("PUBLISH", "chat:1", "before")
	sub.Expect(t, "[pmessage chat:* chat:1 before]")
	proxy.Refuse(true)
	proxy.Cut()
	redistest.Eventually(t, redistest.DefaultTimeout, "the connection is lost", func() bool { return !r.IsReady() })
	for _, channel := range []string{"chat:1", "chat:2", "chat:vip:1"} {
		if v := pub.Do("PUBLISH", channel, "meanwhile"); v.Err() != nil {
			t.Fatal(v)
		}
	}
	proxy.Refuse(false)
	got := []string{}
	for range 3 {
		got = append(got, sub.Receive().String())
	}
	slices.Sort(got)
	if want := []string{
		"[pmessage chat:* chat:1 meanwhile]", "[pmessage chat:* chat:2 meanwhile]", "[pmessage chat:* chat:vip:1 meanwhile]",
	}; !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// TestReaderWaits: XREAD BLOCK subscribes by the names at Redis.
func TestReaderWaits(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, acme)
	reader := r.Dial()
	reader.Send("XREAD", "BLOCK", "0", "STREAMS", "chat:7", "$")
	other := harness.Start(t, redis, acme)
	redistest.Eventually(t, redistest.DefaultTimeout, "it waits", func() bool {
		return redis.MustDo("PUBSUB", "NUMSUB", "acme:v2:chat:7").Elems[1].Int > 0
	})
	pub := other.Dial()
	r.Readable(pub, "chat:8") // where chat:7 stands is known, too
	pub.Do("PUBLISH", "chat:7", "m")
	if v := reader.Receive(); len(v.Elems) != 1 || v.Elems[0].Elems[0].Str != "chat:7" {
		t.Errorf("it read %s", v)
	}
}

// TestRightsOfATenant: those for the prefix are enough, and what is missing is told by the names at Redis.
func TestRightsOfATenant(t *testing.T) {
	t.Parallel()
	const commands = " +@all -acl"
	redis := redistest.Start(t, redistest.WithACL("default on nopass ~* &* +@all",
		"all on >secret ~acme:* &acme:* &acme:v2:chat:* &acme:relay:seq:v2:chat:*"+commands,
		"some on >secret ~acme:history:* &acme:relay:* &acme:v2:chat:*"+commands))
	r := harness.Start(t, nil, acme, harness.WithRedis("redis://all:secret@"+redis.Addr()))
	sub, pub := r.Dial(), r.Dial()
	sub.Send("PSUBSCRIBE", "*", "chat:*")
	if v := sub.Receive(); !strings.HasPrefix(v.Str, "NOPERM ") || !strings.HasSuffix(v.Str, "&acme:relay:seq:*)") {
		t.Errorf("PSUBSCRIBE * is answered %s", v)
	}
	sub.Send("PSUBSCRIBE", "chat:*")
	sub.Expect(t, "[psubscribe chat:* 1]")
	pub.Do("PUBLISH", "chat:1", "m")
	sub.Expect(t, "[pmessage chat:* chat:1 m]")
	for _, line := range r.Logs.All() {
		expected := line.Message == "Redis refused a subscription" || line.Message == notice.LongTurn.Text // a busy machine
		if line.Level > 0 && !expected {
			t.Error(line.Message, line.ContextMap())
		}
		if allow, told := line.ContextMap()["allow_to_the_user"]; told && !strings.HasPrefix(allow.(string), "&acme:") {
			t.Errorf("%v would have to be allowed", allow)
		}
	}

	cfg := harness.Shipped(t)
	acme(cfg)
	cfg.Redis.URL = "redis://some:secret@" + redis.Addr()
	var out bytes.Buffer
	_ = preflight.CheckRedis(context.Background(), cfg, &out)
	if want := "ACL SETUSER some &acme:* &acme:relay:seq:v2:chat:*\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("it advises\n%s\nwant %s", out.String(), want)
	}
}

// TestExplainNames: the names at Redis, and patterns that cross renames.
func TestExplainNames(t *testing.T) {
	t.Parallel()
	cfg := harness.Shipped(t)
	acme(cfg)
	var out bytes.Buffer
	if _, err := preflight.Explain(cfg, &preflight.Question{Channel: "chat:42", Payload: []byte("m")}, false, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"acme:v2:chat:42\n", "acme:history:{v2:chat:42}", "&acme:v2:chat:*", "~acme:history:*"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := preflight.Describe(cfg, &out); err != nil {
		t.Fatal(err)
	}
	if want := "the pattern * crosses renames: it is acme:* and acme:v2:* at Redis"; !strings.Contains(out.String(), want) {
		t.Errorf("it lacks %q:\n%s", want, out.String())
	}
}
