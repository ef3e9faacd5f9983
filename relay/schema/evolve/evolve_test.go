package evolve

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"redis-relay/relay/schema"
)

// load compiles schemas, nil if one of them is not valid.
func load(tb testing.TB, texts ...string) []*schema.Checker {
	tb.Helper()
	dir := tb.TempDir()
	for i, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".json"), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	set, err := schema.Load(dir, "")
	if err != nil {
		return nil
	}
	var list []*schema.Checker
	for _, name := range set.Names() {
		c, err := set.Checker(name, "")
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// TestNothingProvedIsRefuted has pairs of schemas, the one made of the other by one to three changes, and documents
// of which none may refute what Implies says.
func TestNothingProvedIsRefuted(t *testing.T) {
	t.Parallel()
	pairs, documents := 200, 2000
	if os.Getenv("RELAY_LONG") != "" {
		pairs, documents = 5000, 10_000
	}
	var verdicts [3]int
	equal := 0
	for seed := 0; pairs > 0; seed++ {
		g := generator{rand.New(rand.NewPCG(uint64(seed), 7))}
		old := any(g.root())
		next := old
		for range 1 + g.IntN(3) {
			next = g.mutate(next)
		}
		both := load(t, jsonOf(old), jsonOf(next))
		if both == nil {
			continue
		}
		pairs--
		a, b := Side{both[0]}, Side{both[1]}
		for _, way := range [][2]Side{{a, b}, {b, a}} {
			answer := Implies(way[0], way[1])
			if same(a, b) {
				equal++
			}
			verdicts[answer.Verdict]++
			judge(t, g, way[0], way[1], answer, documents/7)
			if t.Failed() {
				t.Fatalf("seed %d\n%s\n%s", seed, jsonOf(old), jsonOf(next))
			}
		}
		if !same(a, a) || Implies(a, a).Verdict != Compatible {
			t.Fatalf("%s is not compatible with itself", jsonOf(old))
		}
	}
	t.Logf("%d compatible, of which %d equal, %d incompatible, %d undecided", verdicts[Compatible], equal, verdicts[Incompatible], verdicts[Undecided])
	if all := verdicts[0] + verdicts[1] + verdicts[2]; verdicts[Compatible] < all/10 || verdicts[Undecided] > all/4 {
		t.Errorf("too few answers: %v", verdicts)
	}
}

// judge holds an answer to documents, some 3.5 of them each time.
func judge(t *testing.T, g generator, from, to Side, answer Answer, documents int) {
	t.Helper()
	switch answer.Verdict {
	case Incompatible:
		if from.Accepts(answer.Message) != nil || to.Accepts(answer.Message) == nil {
			t.Errorf("%s breaks nothing", answer.Message)
		}
		return
	case Undecided:
		if answer.Keyword == "" {
			t.Error("undecided without a keyword")
		}
		return
	}
	have, _ := from.shapes()
	want, _ := to.shapes()
	m := &maker{}
	for i := range documents {
		m.begin(maxMessages + i)
		tries := []any{g.document(0), g.document(0), g.document(0)}
		if i%2 == 0 { // they cost more
			tries = append(tries, m.value(anything.with(have...), want, 0))
		}
		for _, v := range tries {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if from.Accepts(text) == nil && to.Accepts(text) != nil {
				t.Errorf("called compatible, but for %s: %v", text, to.Accepts(text))
				return
			}
		}
	}
}

// TestTheSameQuestionGetsTheSameAnswer, with its message: where many schemas depend on members, too.
func TestTheSameQuestionGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	both := load(t, `{"type":"object","dependentSchemas":{
		"a":{"required":["b"]},"b":{"required":["c"]},"c":{"properties":{"d":{"type":"string"}}},"d":{"minProperties":3}}}`,
		`{"type":"object","dependentSchemas":{"a":{"maxProperties":3},"d":{"properties":{"c":{"maxLength":2}}},"e":false}}`)
	want := Implies(Side{both[0]}, Side{both[1]})
	for range 20 {
		got := Implies(Side{both[0]}, Side{both[1]})
		if string(got.Message) != string(want.Message) || got.Verdict != want.Verdict {
			t.Fatalf("%d by %s, before %d by %s", got.Verdict, got.Message, want.Verdict, want.Message)
		}
	}
}

// same reports whether two lists of schemas are the same, apart from what asks nothing, such as descriptions.
func same(a, b Side) bool {
	x, whyX := a.shapes()
	y, whyY := b.shapes()
	if whyX+whyY != "" || len(x) != len(y) {
		return false
	}
	e := make(equality)
	return len(x) == 0 || e.lists(x, y)
}
