package evolve

// What is known of a value.

import (
	"slices"
	"strconv"
	"strings"

	"redis-relay/relay/schema"
)

// The kinds of numbers, and those of which there are no more than one value each.
const (
	integers = schema.KindInteger | schema.KindWhole
	numbers  = integers | schema.KindFraction
	literals = schema.KindNull | schema.KindFalse | schema.KindTrue
)

// groups are the kinds that are proved by themselves.
var groups = []schema.Kinds{
	literals, integers, schema.KindFraction, schema.KindString, schema.KindArray, schema.KindObject,
}

// context is what is known of a value. It never changes.
type context struct {
	kinds schema.Kinds
	holds []*schema.Shape // accept it; with each one all that it refers to
	fails []*schema.Shape // refuse it
	split []choice        // made already
}

// choice is a list of alternatives, or the values of a member, into which a context was split.
type choice struct {
	of   *schema.Shape // nil: of a member
	what string        // the keyword, or the member
}

// anything is the context of which nothing is known.
var anything = &context{kinds: schema.AllKinds}

// never is the schema false.
var never = func() *schema.Shape {
	s := schema.NewShape()
	s.Never, s.Kinds, s.Keywords = true, 0, []string{"false"}
	return s
}()

// with adds schemas that accept the value; nil ones are left out.
func (c *context) with(shapes ...*schema.Shape) *context {
	more := *c
	more.holds = slices.Clip(more.holds)
	for _, s := range shapes {
		more.hold(s)
	}
	return &more
}

func (c *context) hold(s *schema.Shape) {
	if s == nil || len(s.Keywords) == 0 || slices.Contains(c.holds, s) {
		return
	}
	c.holds = append(c.holds, s)
	c.kinds &= s.Kinds
	for _, inner := range s.All {
		c.hold(inner)
	}
}

// vocabulary is the schemas of a proof by their numbers, and those that it has made.
type vocabulary struct {
	numbers map[*schema.Shape]int    // in the order in which they were met
	own     map[string]*schema.Shape // see made
}

// without adds a schema that refuses the value.
func (v *vocabulary) without(c *context, s *schema.Shape) *context {
	less := *c
	switch {
	case len(s.Keywords) == 0:
		less.kinds = 0
	case slices.Equal(s.Keywords, []string{"type"}):
		less.kinds &^= s.Kinds
	case slices.Equal(s.Keywords, []string{"required"}) && len(s.Required) == 1:
		less.kinds &= schema.KindObject
		return less.with(v.lacking(s.Required[0]))
	case slices.Equal(s.Keywords, []string{"$ref"}) && len(s.All) == 1:
		return v.without(c, s.All[0])
	case !slices.Contains(c.fails, s):
		less.fails = append(slices.Clip(c.fails), s)
	}
	return &less
}

// ofKinds keeps some kinds only.
func (c *context) ofKinds(kinds schema.Kinds) *context {
	less := *c
	less.kinds &= kinds
	return &less
}

// chosen notes a split.
func (c *context) chosen(of choice) *context {
	more := *c
	more.split = append(slices.Clip(c.split), of)
	return &more
}

func (c *context) wasSplit(of choice) bool { return slices.Contains(c.split, of) }

// key writes a context, with numbers for its schemas.
func (v *vocabulary) key(c *context, to *schema.Shape) string {
	var b strings.Builder
	b.WriteString(strconv.Itoa(int(c.kinds)))
	write := func(mark byte, shapes []*schema.Shape) {
		list := make([]int, len(shapes))
		for i, s := range shapes {
			list[i] = v.number(s)
		}
		slices.Sort(list)
		for _, n := range list {
			b.WriteByte(mark)
			b.WriteString(strconv.Itoa(n))
		}
	}
	write('+', c.holds)
	write('-', c.fails)
	for _, s := range c.split {
		b.WriteByte('/')
		if s.of != nil {
			b.WriteString(strconv.Itoa(v.number(s.of)))
		}
		b.WriteString(s.what)
	}
	write('>', []*schema.Shape{to})
	return b.String()
}

func (v *vocabulary) number(s *schema.Shape) int {
	n, ok := v.numbers[s]
	if !ok {
		n = len(v.numbers)
		v.numbers[s] = n
	}
	return n
}

// made returns a schema of our own that was made before, so that contexts are found again.
func (v *vocabulary) made(key string, make func(s *schema.Shape)) *schema.Shape {
	if v.own[key] == nil {
		v.own[key] = schema.NewShape()
		make(v.own[key])
	}
	return v.own[key]
}

// having returns a schema that requires a member.
func (v *vocabulary) having(name string) *schema.Shape {
	return v.made("having "+name, func(s *schema.Shape) {
		s.Required, s.Keywords = []string{name}, []string{"required"}
	})
}

// lacking returns a schema that refuses a member.
func (v *vocabulary) lacking(name string) *schema.Shape {
	return v.made("lacking "+name, func(s *schema.Shape) {
		s.Members, s.Keywords = map[string]*schema.Shape{name: never}, []string{"properties"}
	})
}

// pinned returns a schema that requires a member of one value.
func (v *vocabulary) pinned(name, value string) *schema.Shape {
	return v.made(strconv.Quote(name)+value, func(s *schema.Shape) {
		s.Required, s.Keywords = []string{name}, []string{"required", "properties"}
		s.Members = map[string]*schema.Shape{name: constant(value)}
	})
}

func constant(value string) *schema.Shape {
	s := schema.NewShape()
	s.Values, s.Keywords = [][]string{{value}}, []string{"const"}
	return s
}

// union is a schema that accepts what one of several does.
func union(shapes []*schema.Shape) *schema.Shape {
	if len(shapes) == 1 {
		return shapes[0]
	}
	s := schema.NewShape()
	s.Place, s.AnyOf, s.Keywords = shapes[0].Place, shapes, []string{"anyOf"}
	return s
}
