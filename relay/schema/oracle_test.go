package schema

// This file asks the library, which the checker is held to: for its verdict, and for the words of a rejection.

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// validate asks the library about a payload that has passed the guard. The leaf is the cause that it would name.
func validate(sch *jsonschema.Schema, payload []byte) (leaf *jsonschema.ValidationError, err error) {
	doc, err := decode(payload)
	if err != nil {
		return nil, err
	}
	err = sch.Validate(doc)
	if tree, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		leaf = chooseLeaf(tree)
		return leaf, newError(pointer(leaf), message(leaf))
	}
	if loop, ok := errors.AsType[jsonschema.InfiniteLoopError](err); ok {
		return nil, newError("", "references of the schema lead in a circle at "+readable(string(loop)))
	}
	return nil, err
}

func accepts(sch *jsonschema.Schema, payload []byte) bool {
	_, err := validate(sch, payload)
	return err == nil
}

// ownWords begin what the library says where it says too little, and what an examination says instead.
var ownWords = []struct{ library, ours string }{
	{"not failed", ""}, // in many ways
	{"not allowed", "not allowed"},
	{"valid against schemas at indexes", "must match one schema of oneOf only, but matches those at indexes"},
	{"valid must be >=", "at least"},
	{"valid must be <=", "at most"},
	{"const failed", "value must be "},
	{"enum failed", "value must be "},
}

// compareWords fails the test if an examination decides otherwise than the library about a text, names another place
// or keyword, or words that otherwise.
func compareWords(t *testing.T, x *examiner, text []byte, leaf *jsonschema.ValidationError, err error) {
	t.Helper()
	e := new(examination)
	e.start(x, text, newBudget(math.MaxInt, nil))
	refused, trail, got := examineForTest(e)
	switch {
	case leaf == nil && errorText(err) != got:
		t.Errorf("%.300s: %q; the library says %q", text, got, errorText(err))
	case leaf == nil:
	case refused == nil:
		t.Errorf("%.300s: %q; the library says %q", text, got, err)
	case trail != leaf.KeywordLocation:
		t.Errorf("%.300s: %q at %s; the library says %q at %s", text, got, trail, err, leaf.KeywordLocation)
	case !sameWords(refused, leaf, err):
		t.Errorf("%.300s: %q; the library says %q (%s)", text, got, err, trail)
	}
}

func sameWords(refused *Error, leaf *jsonschema.ValidationError, err error) bool {
	var want *Error
	if !errors.As(err, &want) || refused.Pointer != want.Pointer {
		return false
	}
	for _, own := range ownWords {
		if strings.HasPrefix(leaf.Message, own.library) {
			return strings.HasPrefix(refused.Reason, own.ours)
		}
	}
	return refused.Reason == want.Reason
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// examineForTest returns the rejection with the location of its keyword, and what is said in all.
func examineForTest(e *examination) (refused *Error, trail, says string) {
	defer func() {
		if p := recover(); p != nil {
			says = string(p.(ending))
		}
	}()
	o := e.outcome()
	if !o.failed {
		return nil, "", ""
	}
	if o.cause.trail.length > 0 {
		trail = string(e.appendTrail(nil, o.cause.trail))
	}
	refused = e.refusal(&o.cause)
	return refused, trail, refused.Error()
}
