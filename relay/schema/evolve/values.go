package evolve

// Contexts with few values, each of which is tried.

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strings"

	"redis-relay/relay/schema"
)

// maxValues is how many values are tried one by one.
const maxValues = 128

// reader reads from a context which values and which cases there are.
type reader struct {
	vocabulary
	draft4 bool // whether a number is an integer may depend on how it is written
}

// values lists values among which are all of a context of one group of kinds, if they are few.
func (r *reader) values(c *context) (values []string, few bool) {
	if c.kinds&^literals == 0 {
		return ofKinds([]string{"null", "false", "true"}, c.kinds), true
	}
	var best []string
	for _, s := range c.holds {
		for _, list := range s.Values {
			if some, ok := r.spelled(list, c.kinds); ok && (!few || len(some) < len(best)) {
				best, few = some, true
			}
		}
	}
	if few {
		return best, len(best) <= maxValues
	}
	switch {
	case c.kinds&^integers == 0:
		return r.spelledRange(rangeOf(c), c.kinds)
	case c.kinds == schema.KindString:
		if _, most := lengths(c); most == 0 {
			return []string{`""`}, true
		}
	}
	return nil, false
}

// ofKinds returns the values that are of some kinds.
func ofKinds(values []string, kinds schema.Kinds) (some []string) {
	for _, v := range values {
		if kindOf(v)&kinds != 0 {
			some = append(some, v)
		}
	}
	return some
}

// spelled returns those of some constants that are of some kinds, in all the ways in which they may be written that
// matter to a schema.
func (r *reader) spelled(constants []string, kinds schema.Kinds) (values []string, ok bool) {
	for _, v := range constants {
		kind := kindOf(v)
		switch {
		case kind&numbers != 0:
			n, fits := new(big.Rat).SetString(v)
			if !fits {
				return nil, false
			}
			values = append(values, r.spelledNumber(n, kinds)...)
		case kind&kinds == 0:
		case r.draft4 && kind&(schema.KindArray|schema.KindObject) != 0 && strings.ContainsAny(v, "0123456789"):
			return nil, false
		default:
			values = append(values, v)
		}
	}
	return values, true
}

// spelledNumber writes a number as values of some kinds.
func (r *reader) spelledNumber(n *big.Rat, kinds schema.Kinds) []string {
	if !n.IsInt() {
		text, _ := n.FloatPrec()
		return ofKinds([]string{n.FloatString(text)}, kinds)
	}
	text := n.Num().String()
	if !r.draft4 {
		if kinds&integers == 0 {
			return nil
		}
		return []string{text}
	}
	return ofKinds([]string{text, text + ".0"}, kinds)
}

// spelledRange lists the integers of a range.
func (r *reader) spelledRange(of bounds, kinds schema.Kinds) (values []string, few bool) {
	low, high, ok := of.integers()
	if !ok || new(big.Int).Sub(high, low).Cmp(big.NewInt(maxValues/2)) > 0 {
		return nil, false
	}
	for n := low; n.Cmp(high) <= 0; n = new(big.Int).Add(n, big.NewInt(1)) {
		values = append(values, r.spelledNumber(new(big.Rat).SetInt(n), kinds)...)
	}
	return values, true
}

// kindOf returns the kind of a value.
func kindOf(value string) schema.Kinds {
	switch value[0] {
	case 'n':
		return schema.KindNull
	case 'f':
		return schema.KindFalse
	case 't':
		return schema.KindTrue
	case '"':
		return schema.KindString
	case '[':
		return schema.KindArray
	case '{':
		return schema.KindObject
	}
	if !strings.ContainsAny(value, ".eE") {
		return schema.KindInteger
	}
	if n, ok := new(big.Rat).SetString(value); ok && n.IsInt() {
		return schema.KindWhole
	}
	return schema.KindFraction
}

// tryAll proves a goal by trying all values of a context.
func tryAll(c *context, values []string, to *schema.Shape) notProved {
	for _, v := range values {
		if mayBe(c, v) && !surely(to, v) {
			return keyword(to, firstOf(to.Keywords, "enum", "const", "type"))
		}
	}
	return ""
}

// firstOf returns the first word that is in a list, empty if none is.
func firstOf(list []string, words ...string) string {
	for _, word := range words {
		if slices.Contains(list, word) {
			return word
		}
	}
	return ""
}

// mayBe reports whether a value may be one of a context.
func mayBe(c *context, value string) bool {
	for _, s := range c.holds {
		if ok, decided := accepts(s, value); decided && !ok {
			return false
		}
	}
	for _, s := range c.fails {
		if ok, decided := accepts(s, value); decided && ok {
			return false
		}
	}
	return true
}

// surely reports whether a schema accepts a value.
func surely(s *schema.Shape, value string) bool {
	ok, decided := accepts(s, value)
	return ok && decided
}

// accepts asks a schema about a value. Of those of our own only unions, constants and the schema false are decided.
func accepts(s *schema.Shape, value string) (ok, decided bool) {
	if ok, decided = s.Accepts([]byte(value)); decided {
		return ok, true
	}
	switch {
	case len(s.Keywords) == 0:
		return true, true
	case s.Never:
		return false, true
	case len(s.Keywords) > 1:
		return false, false
	case s.Keywords[0] == "anyOf":
		return acceptsAny(s.AnyOf, value)
	case s.Keywords[0] == "const" && sameValue(s.Values[0][0], value):
		return true, true
	case s.Keywords[0] == "const":
		return false, (kindOf(s.Values[0][0])|kindOf(value))&(schema.KindArray|schema.KindObject) == 0
	}
	return false, false
}

func acceptsAny(shapes []*schema.Shape, value string) (ok, decided bool) {
	decided = true
	for _, s := range shapes {
		ok, sure := accepts(s, value)
		if ok && sure {
			return true, true
		}
		decided = decided && sure
	}
	return false, decided
}

// sameValue reports whether two values are equal, as JSON Schema says; false if that is not certain.
func sameValue(a, b string) bool { return normal(a) == normal(b) }

// normal writes a value so that values written alike are equal.
func normal(value string) string {
	if kindOf(value)&numbers != 0 {
		if n, ok := new(big.Rat).SetString(value); ok {
			return n.RatString()
		}
	}
	return canonical(value)
}

// canonical writes a value anew: names in order, strings alike.
func canonical(value string) string {
	d := json.NewDecoder(bytes.NewReader([]byte(value)))
	d.UseNumber()
	var tree any
	if d.Decode(&tree) != nil {
		return value
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return value
	}
	return string(text)
}
