package config

// This file judges what channels are called at Redis: redis.prefix, and rename of routes. No two channels may meet
// at any upstream.

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// namePlace stands for the channel's name in rename.
const namePlace = "{name}"

// maxPrefix is how many bytes redis.prefix, and the text in rename, may have.
const maxPrefix = 256

// Before returns the text that Redis has before the names of the route's channels; "": none.
func (r *Route) Before() string { return strings.TrimSuffix(r.Rename, namePlace) }

// IsUsed reports whether anybody may do anything with the route's channels: else they need no name at Redis.
func (r *Route) IsUsed() bool { return r.Publish || r.Subscribe || r.hasHistory() }

func (v *redisValidator) checkPrefix() {
	prefix := v.Prefix
	last, _ := utf8.DecodeLastRuneInString(prefix)
	switch {
	case prefix == "":
	case len(prefix) > maxPrefix:
		v.bad(v.at+".prefix", "has %d bytes; at most %d are allowed", len(prefix), maxPrefix)
	case !isPlain(prefix):
		v.bad(v.at+".prefix", "must be plain text: no blanks, no braces, and nothing that is special in a pattern; "+
			"write it as acme:")
	case strings.HasPrefix(prefix, reservedPrefix):
		v.bad(v.at+".prefix", "%q is reserved for the relay's own channels; choose another", reservedPrefix)
	case unicode.IsLetter(last) || unicode.IsDigit(last):
		v.bad(v.at+".prefix", "must end with a sign, such as the colon of %s:; else another relay's %s2 would begin with it",
			prefix, prefix)
	}
}

// isPlain reports whether a text stands for itself in patterns, in ACLs, and between the braces of a cluster's keys.
func isPlain(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`{}*?[]\^`, r)
	})
}

// checkRename judges the form of a route's rename.
func (v *routeValidator) checkRename() {
	if fault := v.route.renameFault(); fault != "" {
		v.bad(join(v.path, "rename"), "%s", fault)
	}
}

// renameFault says what is wrong with the form of rename; empty: nothing is.
func (r *Route) renameFault() string {
	const as = "write it as acme:" + namePlace
	switch before := r.Before(); {
	case r.Rename == "":
		return ""
	case !strings.HasSuffix(r.Rename, namePlace):
		return "must end with " + namePlace + ", which stands for the whole name of the channel; " + as
	case strings.ContainsAny(before, "{}"):
		return "may have braces in its " + namePlace + " only, once, at the end; " + as
	case !isPlain(before):
		return "must have plain text before " + namePlace + ": no blanks, and nothing that is special in a pattern; " + as
	case before == "":
		return "changes nothing; write a text before " + namePlace + ", as in acme:" + namePlace
	case len(before) > maxPrefix:
		return fmt.Sprintf("has %d bytes before %s; at most %d are allowed", len(before), namePlace, maxPrefix)
	}
	return ""
}

// family is channels that Redis has under one text: those that begin with prefix, and with no longer prefix of
// another family.
type family struct {
	prefix, before string
	route          int // its index; notRoute: see what
	what           string
	used           bool
	at             []string // the upstreams that have them
}

const notRoute = -1

// families are all channels there are.
type families []family

// families lists the channels of routes, those that no route covers, and the relay's own.
func (v *validator) families() (list families) {
	for i := range v.cfg.Routes {
		r := &v.cfg.Routes[i]
		list = append(list, family{r.Prefix, r.Before(), i, "", r.IsUsed(), r.upstreams()})
	}
	return append(list,
		family{"", "", notRoute, "unrouted", v.cfg.Unrouted == UnroutedAllow, []string{MainUpstream}},
		family{reservedPrefix, "", notRoute, reservedPrefix, true, v.cfg.UpstreamNames()})
}

// share reports whether an upstream has both families.
func (l families) share(i, j int) bool {
	return slices.ContainsFunc(l[i].at, func(name string) bool { return slices.Contains(l[j].at, name) })
}

// owner returns the index of the family of a channel.
func (l families) owner(channel string) (longest int) {
	longest = -1
	for i := range l {
		if strings.HasPrefix(channel, l[i].prefix) && (longest < 0 || len(l[i].prefix) > len(l[longest].prefix)) {
			longest = i
		}
	}
	return longest
}

// meeting returns a channel of family i, and one of family j, that are one at Redis, if all names at Redis of family j
// begin as those of family i do.
//
// Two such channels exist exactly if the shortest name of family j is one: what takes it from family i, a longer
// prefix, takes all the others, too.
func (l families) meeting(i, j int) (one, other string, meet bool) {
	a, b := &l[i], &l[j]
	shortest := b.before + b.prefix
	if !strings.HasPrefix(shortest, a.before+a.prefix) {
		return "", "", false
	}
	one, other = shortest[len(a.before):], b.prefix
	if l.owner(one) != i {
		return "", "", false
	}
	if l.owner(one+"42") == i && l.owner(other+"42") == j {
		one, other = one+"42", other+"42"
	}
	return one, other, true
}

// checkNames refuses renames by which two channels would be one at Redis.
func (v *validator) checkNames() {
	list := v.families()
	for i := range v.cfg.Routes {
		if r := &v.cfg.Routes[i]; r.Rename == "" || !list[i].used || r.renameFault() != "" {
			continue
		}
		for j := range list {
			later := j > i && list[j].before != "" // it will be told of the two
			if j == i || later || !list[j].used || list[j].before == list[i].before || !list.share(i, j) {
				continue
			}
			own, other, meet := list.meeting(i, j)
			if !meet {
				other, own, meet = list.meeting(j, i)
			}
			if meet {
				v.badMeeting(list, i, j, own, other)
				break
			}
		}
	}
}

// badMeeting tells that a channel of route i and another one of family j would be one.
func (v *validator) badMeeting(list families, i, j int, own, other string) {
	at, met := join(item(routesPath, i), "rename"), list[i].before+own
	switch of := &list[j]; {
	case of.what == reservedPrefix:
		v.bad(at, "makes %q of %q, and %q is reserved for the relay's own channels; choose another text before %s",
			met, own, reservedPrefix, namePlace)
	case of.route == notRoute:
		v.bad(at, "makes %q of %q, and so is called a channel that no route covers; choose another text before %s, write "+
			"unrouted: deny, or add a route for %q with publish: false and subscribe: false",
			met, own, namePlace, list[i].before)
	default:
		v.bad(at, "makes %q of %q, and so is %q of route %q called at Redis; choose another text before %s, or let nobody "+
			"use one of the two: publish: false, subscribe: false, no history", met, own, other, of.prefix, namePlace)
	}
}
