package account

import (
	"strings"
	"testing"
)

// TestAuditReplies: what publishers are told must agree with what was seen.
func TestAuditReplies(t *testing.T) {
	for _, c := range []struct {
		fate    Fate
		passed  bool
		reached int
		fault   string // empty: none
	}{
		{Acknowledged, true, 1, ""},
		{Acknowledged, true, 0, "acknowledged, and Redis did not"},
		{Acknowledged, true, 2, "published it 2 times"},
		{Unknown, true, 1, ""},
		{Unknown, true, 0, ""},
		{Unknown, false, 0, ""},
		{Refused, true, 0, ""},
		{Refused, true, 1, "refused in the name of Redis"},
		{Withheld, false, 0, ""},
		{Withheld, true, 0, "told that it did not"},
		{Withheld, true, 1, "told that it was not"},
	} {
		l := NewLedger(1, 1)
		id := l.Send(0, 0, 10)
		if c.passed {
			l.Pass(id)
		}
		for range c.reached {
			l.Reach(id, 20)
		}
		l.Reply(id, c.fate)
		_, faults := l.AuditReplies(func(ID) bool { return false })
		if got := strings.Join(faults.First, "; "); (got == "") != (c.fault == "") || !strings.Contains(got, c.fault) {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}

func TestFaultsAreCountedBeyondWhatIsShown(t *testing.T) {
	var one, all Faults
	for range 3 * maxFaults {
		one.Add("fault")
	}
	all.Join("a", one)
	all.Join("b", Faults{})
	if all.Count != 3*maxFaults || len(all.First) != maxFaults || all.First[0] != "a: fault" {
		t.Errorf("%+v", all)
	}
}
