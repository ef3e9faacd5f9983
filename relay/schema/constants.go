package schema

// This file compiles the keywords const and enum.

import (
	"encoding/json"
	"math/big"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

func (d *valueTests) readConstants(goal int, s *jsonschema.Schema) {
	for _, values := range [][]any{s.Constant, s.Enum} {
		if len(values) > 0 {
			d.oneOf(goal, values)
		}
	}
}

// oneOf makes a goal fail for what equals none of the values. Equal arrays and objects are left to
// examinations.
func (d *valueTests) oneOf(goal int, values []any) {
	var found [kinds]bool
	var words []string
	var numbers []decimal
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			found[kindNull] = true
		case bool:
			found[kindFalse] = found[kindFalse] || !v
			found[kindTrue] = found[kindTrue] || v
		case string:
			words = append(words, v)
		case json.Number:
			found[kindInteger], found[kindWhole], found[kindFraction] = true, true, true
			numbers = d.appendNumber(numbers, v)
		case []any:
			found[kindArray] = true
			d.ask(kindArray)
		default:
			found[kindObject] = true
			d.ask(kindObject)
		}
	}
	found[kindString] = len(words) > 0
	for k := range kinds {
		if !found[k] {
			d.refuseKind(goal, k)
		}
	}
	if len(words) > 0 {
		d.plan.words = append(d.plan.words, newWordTest(goal, words))
	}
	if len(numbers) > 0 {
		d.plan.constants = append(d.plan.constants, constantTest{goal, numbers})
	}
}

// appendNumber appends a number, or leaves all numbers to examinations.
func (d *valueTests) appendNumber(numbers []decimal, text json.Number) []decimal {
	if r, ok := new(big.Rat).SetString(string(text)); ok {
		if n, fits := newDecimal(r); fits {
			return append(numbers, n)
		}
	}
	d.ask(numberKinds...)
	return numbers
}

func newWordTest(goal int, words []string) wordTest {
	if len(words) <= fewWords {
		return wordTest{goal: goal, any: words}
	}
	t := wordTest{goal: goal, many: make(map[string]struct{}, len(words))}
	for _, word := range words {
		t.many[word] = struct{}{}
	}
	return t
}
