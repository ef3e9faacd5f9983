package respserver

// SUBSCRIBE, UNSUBSCRIBE, PUBLISH and PUBSUB, in their three kinds.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/glob"
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

func subscribe(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) { c.subscribe(kind, args[1:]) }
}

func unsubscribe(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) { c.unsubscribe(kind, args[1:]) }
}

func publish(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		c.publish(Publication{Kind: kind, Channel: args[1], Payload: args[2]})
	}
}

// subscribe confirms all names of a command, or refuses all of them. The place of
// the answer is kept before the hub can queue a message behind it. What the client
// published before goes first: it goes another way.
func (c *session) subscribe(kind resp.Kind, args [][]byte) {
	for _, name := range args {
		if !c.mayListen(kind, name) {
			return
		}
	}
	if c.answered() != nil {
		return // the session is ending
	}
	defer c.charge(0)
	c.chargeNames(args)
	all, fresh := c.add(kind, args)
	if problem := c.tooMany(args[0]); problem != "" {
		c.remove(kind, fresh)
		c.deny(args[0], problem)
		return
	}
	c.watch(true)
	hold := c.out.Hold()
	if hold == nil {
		c.remove(kind, fresh)
		return // it does not read, and is ending
	}
	if len(fresh) > 0 {
		if err := c.join(kind, fresh); err != nil {
			c.remove(kind, fresh)
			hold.Fill(c.refusal(err))
			return
		}
	}
	c.confirm(hold, kind, all, fresh)
}

// mayListen looks at the length and asks the gate, and replies if one of them says no.
func (c *session) mayListen(kind resp.Kind, name []byte) bool {
	if problem := c.tooLong(kind, name); problem != "" {
		c.deny(name, problem)
		return false
	}
	err := c.srv.backend.MaySubscribe(c.user(), kind, name)
	if err != nil {
		c.deny(name, err.Error())
	}
	return err == nil
}

// deny refuses to let the client listen or read.
func (c *session) deny(name []byte, why string) {
	c.srv.denied.Add(1)
	c.srv.warn("client may not listen", string(name), append(c.Identity().Fields(), zap.String("reason", why))...)
	c.replyError(why)
}

// add copies the names of a command, adds them to those of the session, and
// lists the ones that are new, in the order of the command.
func (c *session) add(kind resp.Kind, args [][]byte) (all, fresh []string) {
	if c.names[kind] == nil {
		c.names[kind] = make(map[string]struct{}, len(args))
	}
	all, fresh = make([]string, len(args)), make([]string, 0, len(args))
	bytes := 0
	for i, a := range args {
		all[i] = string(a)
		if _, has := c.names[kind][all[i]]; !has {
			c.names[kind][all[i]] = struct{}{}
			fresh = append(fresh, all[i])
			bytes += kept(kind, len(a))
		}
	}
	c.out.Keep(bytes)
	return all, fresh
}

// kept is about how many bytes of memory a name takes that a client listens to: in its
// session, in the hub and on the way to Redis. A pattern is also found by the text it
// begins with.
func kept(kind resp.Kind, name int) int {
	if kind == resp.PMessage {
		return 2*name + 768
	}
	return name + 256
}

// remove takes back what add has added.
func (c *session) remove(kind resp.Kind, fresh []string) {
	bytes := 0
	for _, name := range fresh {
		bytes += c.drop(kind, name)
	}
	c.out.Keep(-bytes)
}

// drop takes a name off those of the session, and returns the bytes that are not kept
// any more.
func (c *session) drop(kind resp.Kind, name string) (bytes int) {
	if _, has := c.names[kind][name]; !has {
		return 0
	}
	delete(c.names[kind], name)
	return kept(kind, len(name))
}

// dropAll takes all names of a kind off.
func (c *session) dropAll(kind resp.Kind) {
	bytes := 0
	for name := range c.names[kind] {
		bytes += kept(kind, len(name))
	}
	c.names[kind] = nil
	c.out.Keep(-bytes)
}

// chargeNames counts copies of a command's names, if those are worth it.
func (c *session) chargeNames(args [][]byte) {
	bytes := 0
	for _, a := range args {
		bytes += kept(resp.Message, len(a))
	}
	if bytes > uncounted {
		c.charge(bytes)
	}
}

// tooLong says which limit a name is over, or nothing.
func (c *session) tooLong(kind resp.Kind, name []byte) string {
	what, key, limit := "name", "limits.name", c.srv.limits.Name.Load()
	if length := c.srv.limits.PatternLength.Load(); kind == resp.PMessage && length < limit {
		what, key, limit = "pattern", "limits.pattern_length", length
	}
	if int64(len(name)) <= limit {
		return ""
	}
	return fmt.Sprintf("DENIED %.*s: a %s of %d bytes is over %s (%d)", maxQuoted, name, what, len(name), key, limit)
}

// tooMany says what of the session's subscriptions is over a limit, or nothing.
func (c *session) tooMany(name []byte) string {
	n := 0
	for _, names := range c.names {
		n += len(names)
	}
	if int64(n) > c.srv.limits.Subscriptions.Load() {
		return fmt.Sprintf("DENIED %.*s: this would be subscription %d of this connection, over limits.subscriptions",
			maxQuoted, name, n)
	}
	if n := len(c.names[resp.PMessage]); int64(n) > c.srv.limits.Patterns.Load() {
		return fmt.Sprintf("DENIED %.*s: this would be pattern %d of this connection, over limits.patterns",
			maxQuoted, name, n)
	}
	return ""
}

// join returns when the hub has all of names, or none: then why.
func (c *session) join(kind resp.Kind, names []string) error {
	p := c.srv.hub.Join(c.listener, kind, names, c.wake)
	for {
		active, err := c.srv.hub.Enter(p)
		if active {
			return nil
		}
		if err == nil {
			err = c.await(p.Ready())
			c.quit = err != nil
		}
		if err != nil {
			c.srv.hub.Leave(c.listener, kind, names...)
			return err
		}
	}
}

// refusal words the error of a subscription; nothing for a connection that ends.
func (c *session) refusal(err error) []byte {
	if c.quit {
		return nil
	}
	return resp.AppendError(nil, err.Error())
}

// confirm answers each name with the number of subscriptions after it.
func (c *session) confirm(hold *hub.Hold, kind resp.Kind, all, fresh []string) {
	a := c.newAnswer()
	count := c.subscribed(kind) - int64(len(fresh))
	for _, name := range all {
		if len(fresh) > 0 && name == fresh[0] {
			fresh = fresh[1:]
			count++
		}
		a.put(resp.AppendPubSub(a.last(), c.proto, kind.Subscribe(), []byte(name), count))
	}
	c.noteCounts()
	a.push(hold)
}

// unsubscribe answers each name, also one that was not subscribed; without names
// it ends all of the kind. As in Redis, what was published before is heard before the
// answer. That waits for Redis, as the answer to SUBSCRIBE does: so who counts
// subscribers afterwards, counts right.
func (c *session) unsubscribe(kind resp.Kind, args [][]byte) {
	word := kind.Unsubscribe()
	if len(args) == 0 && len(c.names[kind]) == 0 {
		c.push(resp.AppendPubSub(c.scratch, c.proto, word, nil, c.subscribed(kind)))
		return
	}
	var parting [resp.Kinds][]string // no copies of names that it does not listen to
	for _, a := range args {
		if _, has := c.names[kind][string(a)]; has {
			parting[kind] = append(parting[kind], string(a))
		}
	}
	if len(args) == 0 {
		parting[kind] = keys(c.names[kind])
	}
	if c.part(parting) != nil {
		return // the session is ending
	}
	a, bytes := c.newAnswer(), 0
	confirm := func(name []byte) {
		bytes += c.drop(kind, string(name))
		a.put(resp.AppendPubSub(a.last(), c.proto, word, name, c.subscribed(kind)))
	}
	for _, name := range args {
		confirm(name)
	}
	if len(args) == 0 {
		for _, name := range parting[kind] {
			confirm([]byte(name))
		}
	}
	c.out.Keep(-bytes)
	c.noteCounts()
	a.push(nil)
}

// part ends subscriptions that there are, and returns when Redis has let go of what nobody listens to
// now. Publishers wait for that, and who counts.
func (c *session) part(names [resp.Kinds][]string) error {
	var partings [resp.Kinds]*hub.Parting
	for kind, list := range names {
		if len(list) > 0 {
			partings[kind] = c.srv.hub.Part(resp.Kind(kind), list)
		}
	}
	if partings == [resp.Kinds]*hub.Parting{} {
		return nil
	}
	err := c.hearOut(names)
	var released []<-chan struct{}
	for kind, parting := range partings {
		if parting != nil {
			released = append(released, c.srv.hub.Leave(c.listener, resp.Kind(kind), names[kind]...)...)
			c.srv.hub.Parted(parting)
		}
	}
	if err == nil && len(released) > 0 {
		c.flush()
		timer := time.NewTimer(c.srv.opts.PublishTimeout)
		defer timer.Stop()
		c.settled(timer, released...)
	}
	return err
}

// partAll ends all subscriptions, without confirmations.
func (c *session) partAll() error {
	var all [resp.Kinds][]string
	for kind := range all {
		all[kind] = keys(c.names[kind])
	}
	if err := c.part(all); err != nil {
		return err
	}
	for kind := range all {
		c.dropAll(resp.Kind(kind))
	}
	c.noteCounts()
	return nil
}

// hearOut returns when the client has been given what was published so far to the names, by itself
// or by others: a publisher's answer may be faster than the message. A Redis that is
// silent is waited for no longer than a publish waits.
func (c *session) hearOut(names [resp.Kinds][]string) error {
	if err := c.answered(); err != nil {
		return err
	}
	done := make(chan struct{})
	c.srv.backend.Barrier(names, func() { close(done) })
	c.flush()
	c.rest()
	defer c.begin()
	timer := time.NewTimer(c.srv.opts.PublishTimeout)
	defer timer.Stop()
	if !c.wait(timer, done) && c.ending.Load() != nil {
		return errEnding
	}
	return nil
}

// leave ends subscriptions without a word.
func (c *session) leave(kind resp.Kind, names []string) {
	c.srv.hub.Leave(c.listener, kind, names...)
	c.dropAll(kind)
	c.noteCounts()
}

func (c *session) noteCounts() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for kind := range c.counts {
		c.counts[kind] = len(c.names[kind])
	}
}

// publish hands a message on and keeps the place of its reply.
func (c *session) publish(p Publication) {
	p, ok := c.ready(p)
	if !ok {
		return // ending
	}
	r := &receipt{session: c, wantsID: p.Field != nil}
	if !c.muted {
		if r.hold = c.out.Hold(); r.hold == nil {
			<-c.window
			return // it does not read its replies, and is ending
		}
	}
	if err := c.srv.backend.Publish(p, r); err != nil {
		r.Published(0, "", err)
		return
	}
	c.unsent = true
}

// ready waits until a message may be handed on, and takes its place in the window.
func (c *session) ready(p Publication) (Publication, bool) {
	p.From, p.By, p.Sender = c.id, c.user(), c
	c.letArrivedIn()
	p, ok := c.letSubscribersIn(p)
	return p, ok && c.acquire() == nil
}

func (c *session) publishOversize(kind resp.Kind, channel []byte, size int64) {
	c.publish(Publication{Kind: kind, Channel: channel, Oversize: size})
}

// letSubscribersIn waits while a subscription of anybody on this host, which the
// message would reach, is not confirmed by Redis yet, or is just being ended: some
// libraries subscribe on one connection and publish on another without waiting.
func (c *session) letSubscribersIn(p Publication) (Publication, bool) {
	pending, partings := c.srv.hub.WaitFor(p.Kind, p.Channel), c.srv.hub.Partings(p.Kind, p.Channel)
	if pending == nil && partings == nil {
		return p, true
	}
	c.flush()
	lost := !c.srv.backend.Standing(c.id)
	timer := time.NewTimer(c.srv.opts.PublishTimeout)
	defer timer.Stop()
	inTime := true
	for range 2 { // somebody has left, then Redis has let go; no more: others begin all the time
		inTime = inTime && c.settled(timer, partings...)
		partings = c.srv.hub.Partings(p.Kind, p.Channel)
	}
	for inTime && pending != nil {
		inTime = c.settled(timer, pending.Done())
		pending = c.srv.hub.WaitFor(p.Kind, p.Channel)
	}
	p.Late = !inTime
	if lost && c.hungUp() {
		c.quit = true // the client may be trying again: then the message would come twice
	}
	return p, c.ending.Load() == nil && !c.quit
}

// settled is wait for which publishers need not wait meanwhile.
func (c *session) settled(timer *time.Timer, all ...<-chan struct{}) bool {
	c.idle()
	defer c.begin()
	return c.wait(timer, all...)
}

// wait waits until all are closed. It reports false when the time is up, or the
// session is to end.
func (c *session) wait(timer *time.Timer, all ...<-chan struct{}) bool {
	for len(all) > 0 {
		select {
		case <-all[0]:
			all = all[1:]
		case <-timer.C:
			return false
		case <-c.kick:
			if c.ending.Load() != nil {
				return false
			}
		}
	}
	return true
}

// receipt puts the answer of a publish in its place.
type receipt struct {
	session *session
	hold    *hub.Hold // nil: the client wants no reply
	wantsID bool      // in place of the number of receivers
}

func (r *receipt) Published(receivers int64, id string, err error) {
	<-r.session.window
	if r.hold == nil {
		return
	}
	var buf [64]byte
	switch {
	case err != nil:
		r.hold.Fill(resp.AppendError(buf[:0], err.Error()))
	case r.wantsID:
		r.hold.Fill(resp.AppendBulkString(buf[:0], id))
	default:
		r.hold.Fill(resp.AppendInt(buf[:0], receivers))
	}
}

func (r *receipt) Flush() { r.session.letOut() }

// letOut writes answers of publishes, whose requests then leave the socket.
func (c *session) letOut() {
	c.out.Flush()
	if c.unread.bytes.Load() > 0 {
		c.takeRead()
	}
}

var pubsubCommands = table(
	&command{
		name: "pubsub|channels", arity: -2, run: channels(resp.Message),
		summary: "Returns the active channels.", since: "2.8.0", group: "pubsub",
	},
	&command{
		name: "pubsub|numsub", arity: -2, run: numsub(resp.Message),
		summary: "Returns a count of subscribers to channels.", since: "2.8.0", group: "pubsub",
	},
	&command{
		name: "pubsub|numpat", arity: 2, run: (*session).numpat,
		summary: "Returns a count of unique pattern subscriptions.", since: "2.8.0", group: "pubsub",
	},
	&command{
		name: "pubsub|shardchannels", arity: -2, run: channels(resp.SMessage),
		summary: "Returns the active shard channels.", since: "7.0.0", group: "pubsub",
	},
	&command{
		name: "pubsub|shardnumsub", arity: -2, run: numsub(resp.SMessage),
		summary: "Returns the count of subscribers of shard channels.", since: "7.0.0", group: "pubsub",
	},
	&command{name: "pubsub|help", arity: 2, run: help("PUBSUB", []string{
		"CHANNELS [<pattern>]", "    Return the currently active channels matching a <pattern> (default: '*').",
		"NUMPAT", "    Return number of subscriptions to patterns.",
		"NUMSUB [<channel> ...]", "    Return the number of subscribers for the specified channels, excluding",
		"    pattern subscriptions(default: no channels).",
		"SHARDCHANNELS [<pattern>]",
		"    Return the currently active shard level channels matching a <pattern> (default: '*').",
		"SHARDNUMSUB [<shardchannel> ...]", "    Return the number of subscribers for the specified shard level channel(s)",
	}), summary: "Returns helpful text about the different subcommands.", since: "6.2.0", group: "pubsub"},
)

// counting makes ready to ask who listens to some names of a kind: it waits, as a
// publish does, until what was sent before on other connections to this relay has been
// carried out. The context is that of timeout.
func (c *session) counting(kind resp.Kind, concerned func(name string) bool) (context.Context, context.CancelFunc) {
	watched := c.watched.Load()
	c.letArrivedIn()
	c.watch(watched)
	c.flush()
	c.idle()
	timer := time.NewTimer(c.srv.opts.PublishTimeout)
	defer timer.Stop()
	// Twice: who was about to leave has left, and now Redis is to let go.
	for inTime, n := true, 0; inTime && n < 2; n++ {
		inTime = c.wait(timer, c.srv.hub.Changes(kind, concerned)...)
	}
	return c.timeout()
}

func channels(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		if len(args) > 3 {
			c.replyError(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
				maxQuoted, args[1]))
			return
		}
		var pattern []byte
		if len(args) == 3 {
			pattern = slices.Clone(args[2])
		}
		if problem := c.tooLong(resp.PMessage, pattern); problem != "" {
			c.replyError(problem)
			return
		}
		ctx, cancel := c.counting(kind, func(name string) bool {
			return pattern == nil || glob.Match(pattern, []byte(name))
		})
		defer cancel()
		// One at a time: Redis's answer may be large, and is counted nowhere.
		select {
		case c.srv.listing <- struct{}{}:
			defer func() { <-c.srv.listing }()
		case <-ctx.Done():
			c.replyError("UPSTREAMDOWN PUBSUB: Redis does not answer; try again")
			return
		}
		list, err := c.srv.backend.Channels(ctx, c.user(), kind, pattern)
		if err != nil {
			c.replyError(err.Error())
			return
		}
		a := c.newAnswer()
		for _, name := range list {
			a.put(resp.AppendBulkString(a.last(), name))
			if problem := a.tooLong("PUBSUB "+strings.ToUpper(string(args[1])), "ask for some, with a pattern"); problem != "" {
				a.giveUp()
				c.replyError(problem)
				return
			}
		}
		a.reply(resp.AppendArray(nil, len(list)), nil)
	}
}

func numsub(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		names := args[2:]
		for _, name := range names {
			if problem := c.tooLong(kind, name); problem != "" {
				c.replyError(problem)
				return
			}
		}
		defer c.charge(0)
		c.chargeNames(names)
		asked := make(map[string]bool, len(names))
		for _, name := range names {
			asked[string(name)] = true
		}
		ctx, cancel := c.counting(kind, func(name string) bool { return asked[name] })
		defer cancel()
		counts, err := c.srv.backend.Subscribers(ctx, c.user(), kind, names)
		if err != nil {
			c.replyError(err.Error())
			return
		}
		a := c.newAnswer()
		for i, name := range names {
			a.put(resp.AppendInt(resp.AppendBulk(a.last(), name), counts[i]))
		}
		a.reply(resp.AppendArray(nil, 2*len(names)), nil)
	}
}

func (c *session) numpat([][]byte) {
	ctx, cancel := c.counting(resp.PMessage, func(string) bool { return true })
	defer cancel()
	n, err := c.srv.backend.Patterns(ctx)
	if err != nil {
		c.replyError(err.Error())
		return
	}
	c.replyInt(n)
}
