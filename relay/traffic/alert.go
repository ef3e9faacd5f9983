package traffic

// Alerts: that a channel carries too much, and that this is over.

import "time"

// Kind says why an alert was raised.
type Kind string

// The kinds.
const (
	KindSpike Kind = "spike" // far over the usual rate of the channel
	KindRate  Kind = "rate"  // over rate.alert of its route
)

// Kinds lists all kinds.
var Kinds = []Kind{KindSpike, KindRate}

const (
	perMinute = 10  // new alerts of one kind that are told in a minute
	maxActive = 256 // alerts of KindRate at a time

	calmFor    = 10 * time.Second // that a channel must be quiet for before an alert ends
	heardOf    = 10 * time.Second // a publisher that was seen longer ago is not named in an alert
	usualAfter = 30 * time.Minute // a spike that lasts so long is the usual rate from then on

	// Nothing is told of a channel for so long after a spike: for twice as long each time.
	shortestRest, longestRest = time.Minute, time.Hour
)

// Alert is a channel that carries too much.
type Alert struct {
	Kind      Kind
	Early     bool      // of KindSpike: far over other channels of its kind, in the first minute; Usual is not known
	Direction Dimension // InMessages or OutMessages
	Channel   string    // of KindSpike: cut to MaxName
	Rate      float64   // messages/s, when the alert was raised; of KindRate: so far, in the second in which it was
	Usual     float64   // messages/s; 0: the channel is new
	Peak      float64   // messages/s, the highest so far
	Since     time.Time
	Publisher Publisher // of OutMessages: a local client that publishes on the channel
}

// Ending says why an alert has ended.
type Ending int

// The endings.
const (
	Calm       Ending = iota // the channel has been below for some time
	MadeNormal               // the rate has lasted so long that it counts as usual now
)

// Alarms is told of alerts, by the loop, from Tick and OverRate.
type Alarms interface {
	Begin(a *Alert)
	End(a *Alert, why Ending)
	// LeftOut says that more channels went over in the last minute: nothing is told of them.
	LeftOut(kind Kind, channels int)
}

// alerts looks at a table for channels that carry too much, and holds the alerts that have begun and not ended.
type alerts struct {
	// Fixed after construction.
	table *Table
	to    Alarms

	limits  Spikes
	spikes  map[uint64]*spike     // by the key of the channel
	rates   map[rateKey]*overRate // of KindRate
	budgets map[Kind]*budget
	found   []candidate // memory for findSpikes
	news    []func()    // what Alarms are to be told, when the table is whole again
}

// budget bounds how many alerts of one kind are told.
type budget struct {
	since   time.Time // when the minute began
	left    int       // to be told in this minute
	leftOut int       // channels that were not told in this minute
}

func newAlerts(t *Table, o *Options) *alerts {
	a := &alerts{
		table: t, to: o.Alarms,
		spikes: map[uint64]*spike{}, rates: map[rateKey]*overRate{}, budgets: map[Kind]*budget{},
	}
	for _, k := range Kinds {
		a.budgets[k] = &budget{since: o.Now, left: perMinute}
	}
	return a
}

// tick finds the alerts that begin or end now, and tells of them.
func (a *alerts) tick() {
	a.findSpikes()
	a.endSpikes()
	a.endOverRate()
	a.leaveOut()
	a.tell()
}

// begin has Alarms told of a new alert, if the minute has room for it.
func (a *alerts) begin(alert Alert) (told bool) {
	b := a.budgets[alert.Kind]
	if b.left == 0 {
		b.leftOut++
		return false
	}
	b.left--
	a.news = append(a.news, func() { a.to.Begin(&alert) })
	return true
}

// end has Alarms told that an alert is over that was told.
func (a *alerts) end(alert Alert, why Ending) {
	a.news = append(a.news, func() { a.to.End(&alert, why) })
}

// tell tells the news. Alarms may count messages in the table meanwhile.
func (a *alerts) tell() {
	news := a.news
	a.news = nil
	for _, f := range news {
		f()
	}
}

// leaveOut has Alarms told at the end of a minute how many channels were left out.
func (a *alerts) leaveOut() {
	now := a.table.clock.now
	for _, kind := range Kinds {
		b := a.budgets[kind]
		if now.Sub(b.since) < time.Minute {
			continue
		}
		if n := b.leftOut; n > 0 {
			a.news = append(a.news, func() { a.to.LeftOut(kind, n) })
		}
		b.since, b.left, b.leftOut = now, perMinute, 0
	}
}

// publisherOf returns the local client that publishes on a channel, if one was seen lately.
func (a *alerts) publisherOf(r *record) (p Publisher) {
	if a.table.clock.now.Sub(r.published) <= heardOf {
		return r.publisher
	}
	return p
}
