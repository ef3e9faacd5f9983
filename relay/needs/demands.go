package needs

// Demands: what one configuration needs of Redis, right by right.

import (
	"fmt"
	"slices"
	"strings"
)

// Route is what a route of the configuration asks of Redis.
type Route struct {
	Prefix    string // empty: channels that no route covers
	Before    string // what Redis has before the names of its channels, beside Config.Prefix
	Publish   bool   // somebody may publish
	Subscribe bool   // somebody may listen
	History   bool   // some messages are kept
	Sharded   bool   // its channels are shard channels
	Mirror    bool   // this Redis gets copies of what is published, and nothing of it is heard or read there

	DeadLetters []string // keys of the streams that keep its refused messages
}

// Config is what a configuration asks of Redis.
type Config struct {
	Routes []Route // each covers the channels that begin with its prefix and with no longer one
	Leaf   bool    // the relay is to be a leaf node of a NATS cluster
	Prefix string  // of all names at Redis

	Cluster bool // it is a Redis Cluster, on which relays ask each other on ordinary channels
}

// HasHistory reports whether any route keeps messages.
func (c *Config) HasHistory() bool {
	for _, r := range c.Routes {
		if r.History {
			return true
		}
	}
	return false
}

// use is what the relay uses beside the channels of routes.
func (c *Config) use() Use {
	use := Use{Leaf: c.Leaf, DeadLetters: len(c.deadLetters()) > 0, Prefix: c.Prefix}
	for _, r := range c.Routes {
		use.Reading = use.Reading || r.History && !r.Mirror
		use.Writing = use.Writing || r.History && r.Publish
	}
	return use
}

// Demand is a command that the relay sends, with its channel or key.
type Demand struct {
	Command []string // a whole form of the command; it changes nothing, unless it publishes
	Rule    string   // what the ACL must have for its channel or key, such as "&chat:*"; empty: nothing
	Lost    string   // what does not work without it
	Vital   bool     // what is lost is something that the configuration asks for
	Shard   bool     // Redis has the command since 7.0
	Right   string   // of a Right: its name
}

// Name returns the command's name, in capitals.
func (d *Demand) Name() string { return d.Command[0] }

// publishes reports whether carrying out the demand's command would send a message.
func (d *Demand) publishes() bool { return d.Name() == "PUBLISH" || d.Name() == "SPUBLISH" }

// Channels of the relay's own. The last word is in no name that a relay uses.
const (
	ownChannels  = "relay:"
	probeChannel = "relay:probe:check"
	countChannel = "relay:count"
	seqPrefix    = "relay:seq:"
	ownName      = "check" // stands for the rest of a channel's name
)

const (
	noProbe  = "no delivery probe: a connection that answers and delivers nothing is not noticed"
	noLinks  = "short cuts between the cluster's nodes are not noticed"
	noCounts = "PUBSUB NUMSUB counts each other relay as one listener"
)

// Demands lists what a configuration needs, the most needed first.
func Demands(c *Config) (list []Demand) {
	list = append(list,
		Demand{Command: words("PING"), Lost: "the relay does not connect", Vital: true},
		Demand{Command: words("HELLO 3"), Lost: "the relay does not connect", Vital: true},
	)
	if c.Cluster {
		list = append(list,
			Demand{Command: words("CLUSTER NODES"), Lost: "the relay does not connect", Vital: true},
			Demand{Command: words("CLUSTER SLOTS"), Lost: "nodes are called by their IP addresses"},
			Demand{Command: words("CLUSTER LINKS"), Lost: noLinks, Shard: true})
	}
	for _, r := range c.Routes {
		list = append(list, r.demands(c)...)
	}
	for _, key := range c.deadLetters() {
		list = append(list, c.deadDemands(key)...)
	}
	probe, count := c.Prefix+probeChannel, c.Prefix+countChannel
	list = append(list,
		Demand{Command: words("SUBSCRIBE " + probe), Rule: c.ownRule(), Lost: noProbe},
		Demand{Command: []string{"PUBLISH", probe, ""}, Rule: c.ownRule(), Lost: noProbe},
		Demand{Command: words("SSUBSCRIBE " + count), Rule: c.ownRule(), Lost: noCounts, Shard: true},
		Demand{Command: []string{"SPUBLISH", count, ""}, Rule: c.ownRule(), Lost: noCounts, Shard: true},
	)
	for _, right := range Rights(c.use()) {
		list = append(list, Demand{
			Command: right.form(), Rule: right.Keys(), Lost: right.Lost, Vital: right.Vital, Shard: right.Name == "SUNSUBSCRIBE",
			Right: right.Name,
		})
	}
	if c.Cluster {
		list = slices.DeleteFunc(list, func(d Demand) bool { return d.Shard && d.Rule == c.ownRule() })
	}
	return list
}

// ownRule lets the relay use its own channels.
func (c *Config) ownRule() string { return "&" + c.Prefix + ownChannels + "*" }

// demands lists what one route needs.
func (r *Route) demands(c *Config) (list []Demand) {
	begin := c.Prefix + r.Before + r.Prefix
	channel, rule, of := begin+ownName, "&"+begin+"*", fmt.Sprintf("of route %q", r.Prefix)
	if r.Prefix == "" {
		channel, of = begin+"redis-relay-"+ownName, "that no route covers"
	}
	if r.Sharded {
		return r.shardDemands(channel, rule, of)
	}
	if r.Publish {
		list = append(list,
			Demand{[]string{"PUBLISH", channel, ""}, rule, "nobody can publish on channels " + of, r.Prefix != "", false, ""},
			Demand{[]string{"SPUBLISH", channel, ""}, rule, "nobody can publish on shard channels " + of, false, true, ""})
	}
	if r.Subscribe {
		list = append(list,
			Demand{[]string{"SUBSCRIBE", channel}, rule, "nobody can listen to channels " + of, r.Prefix != "", false, ""},
			Demand{[]string{"SSUBSCRIBE", channel}, rule, "nobody can listen to shard channels " + of, false, true, ""},
			r.patternDemand(begin+"*", rule))
	}
	return append(list, r.historyDemands(c)...)
}

// shardDemands lists what a sharded route needs: nothing but shard channels.
func (r *Route) shardDemands(channel, rule, of string) (list []Demand) {
	if r.Publish {
		lost := "nobody can publish on channels " + of
		list = append(list, Demand{[]string{"SPUBLISH", channel, ""}, rule, lost, true, true, ""})
	}
	if r.Subscribe {
		lost := "nobody can listen to channels " + of
		list = append(list, Demand{[]string{"SSUBSCRIBE", channel}, rule, lost, true, true, ""})
	}
	return list
}

// patternDemand is for the pattern at Redis by which clients hear all channels of a route.
func (r *Route) patternDemand(pattern, rule string) Demand {
	lost := "nobody can listen to the pattern " + r.Prefix + "*"
	return Demand{[]string{"PSUBSCRIBE", pattern}, rule, lost, false, false, ""}
}

// historyDemands lists what a route with history needs beside the rights of all streams.
func (r *Route) historyDemands(c *Config) (list []Demand) {
	if !r.History {
		return nil
	}
	of, begin := fmt.Sprintf(" of route %q", r.Prefix), c.Prefix+seqPrefix+r.Before+r.Prefix
	channel, lost := begin+ownName, "messages with history"+of+" cannot be published"
	if r.Publish {
		list = append(list, Demand{[]string{"PUBLISH", channel, ""}, c.ownRule(), lost, true, false, ""})
	}
	if r.Subscribe {
		rule := "&" + begin + "*"
		lost = "nobody can listen to channels with history" + of
		list = append(list,
			Demand{[]string{"SUBSCRIBE", channel}, c.ownRule(), lost, true, false, ""},
			r.patternDemand(begin+"*", rule))
	}
	return list
}

// form returns a whole form of the command that changes nothing.
func (r *Right) form() []string {
	switch {
	case r.Try != "":
		return words(r.Try)
	case r.Name == "CLIENT":
		return words("CLIENT SETNAME redis-relay:check")
	case r.Name == "INFO":
		return words("INFO server")
	}
	return []string{r.Name, "redis-relay-" + ownName} // one of UNSUBSCRIBE and the like
}

func words(text string) []string { return strings.Fields(text) }

// Rules lists the rules that an ACL needs for some demands: "+publish", "&chat:*", "~history:*", each once, in this
// order of kinds.
func Rules(demands []Demand) (list []string) {
	commands, channels, keys := []string{}, []string{}, []string{}
	seen := map[string]bool{}
	add := func(to *[]string, rule string) {
		if rule != "" && !seen[rule] {
			seen[rule] = true
			*to = append(*to, rule)
		}
	}
	for _, d := range demands {
		add(&commands, "+"+strings.ToLower(d.Name()))
		if strings.HasPrefix(d.Rule, "~") {
			add(&keys, d.Rule)
		} else {
			add(&channels, d.Rule)
		}
	}
	return append(append(commands, channels...), keys...)
}
