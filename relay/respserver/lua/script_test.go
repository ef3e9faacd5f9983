package lua

// Which scripts are recognised, and what they publish.

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// laravel is what its broadcaster sends.
const laravel = "for i = 2, #ARGV do\n  redis.call('publish', ARGV[i], ARGV[1])\nend"

func TestScriptsThatOnlyPublish(t *testing.T) {
	keys := [][]byte{[]byte("k1"), []byte("k2")}
	argv := [][]byte{[]byte("a1"), []byte("a2"), []byte("a3")}
	for source, want := range map[string]string{
		laravel:                        "a2 a1, a3 a1; nil",
		"   " + laravel + "\n        ": "a2 a1, a3 a1; nil",
		`for channel=2,#ARGV do redis.call("PUBLISH",ARGV[channel],ARGV[1]);end;return nil`:           "a2 a1, a3 a1; nil",
		"-- to all\nfor i = 1, #KEYS do redis.pcall('publish', KEYS[i], ARGV[1]) end -- done":         "k1 a1?, k2 a1?; nil",
		"for _, channel in ipairs(KEYS) do redis.call('publish', channel, ARGV[2]) end return 1":      "k1 a2, k2 a2; 1",
		"local message = ARGV[1]\nfor i, c in ipairs(ARGV) do redis.call('spublish', c, message) end": "S a1 a1, S a2 a1, S a3 a1; nil",
		"redis.call('publish', KEYS[1], ARGV[1])":                                                     "k1 a1; nil",
		"return redis.call('PUBLISH', KEYS[1], ARGV[1])":                                              "k1 a1; last",
		"redis.call('publish', KEYS[1], ARGV[1]) redis.call('publish', KEYS[2], ARGV[1]); return 0":   "k1 a1, k2 a1; 0",
		"local c, m = KEYS[1], ARGV[1] redis.call('publish', c, m)":                                   "",
		"local c = KEYS[2]; local m = ARGV[3]; return redis.call('publish', c, m);":                   "k2 a3; last",
		"redis.call('publish', KEYS[1], ARGV[1]) redis.call('publish', KEYS[9], ARGV[1])":             "k1 a1; nil; error",
		"for i = 2, #ARGV do redis.call('publish', ARGV[i], KEYS[i]) end":                             "a2 k2; nil; error",
		"return 1": "", "": "", "return redis.call('get', KEYS[1])": "",
		"redis.call('publish', 'fixed', ARGV[1])":                                                                           "",
		"redis.call('publish', KEYS[1] .. 'x', ARGV[1])":                                                                    "",
		"redis.call('publish', KEYS[1], ARGV[1], ARGV[2])":                                                                  "",
		"redis.call('publish', KEYS[0], ARGV[1])":                                                                           "",
		"redis.call('publish', keys[1], ARGV[1])":                                                                           "",
		"redis.call('publish', x, ARGV[1])":                                                                                 "",
		"for i = 2, #ARGV do redis.call('publish', ARGV[i], i) end":                                                         "",
		"for i = 2, #ARGV, 2 do redis.call('publish', ARGV[i], ARGV[1]) end":                                                "",
		"for i = 0, #ARGV do redis.call('publish', ARGV[i], ARGV[1]) end":                                                   "",
		"for i = 2, #ARGV do redis.call('publish', ARGV[i], ARGV[1]) redis.call('set', ARGV[i], 1) end":                     "",
		"for i = 2, #ARGV do redis.call('publish', ARGV[i], ARGV[1])":                                                       "",
		"if redis.call('get', KEYS[1]) then redis.call('publish', KEYS[1], ARGV[1]) end":                                    "",
		"--[[ x ]] redis.call('publish', KEYS[1], ARGV[1])":                                                                 "",
		`redis.call('pub\108ish', KEYS[1], ARGV[1])`:                                                                        "",
		"redis.call('publish', KEYS[1], ARGV[1]) return redis.call('publish', KEYS[1], ARGV[1]) redis.call('del', KEYS[1])": "",
		"#!lua flags=no-writes\nredis.call('publish', KEYS[1], ARGV[1])":                                                    "",
		"redis.call('publish', KEYS[1], ARGV[1]) " + strings.Repeat(" ", maxSource):                                         "",
	} {
		got := ""
		if s := Parse([]byte(source)); s != nil {
			got = describeRun(s, keys, argv)
		}
		if got != want {
			t.Errorf("%s\ngot %q, want %q", source, got, want)
		}
	}
}

func describeRun(s *Script, keys, argv [][]byte) string {
	list, err := s.Messages(keys, argv)
	var messages []string
	for _, m := range list {
		text := fmt.Sprintf("%s %s", m.Channel, m.Payload)
		if m.Kind.String() == "smessage" {
			text = "S " + text
		}
		if m.Guarded {
			text += "?"
		}
		messages = append(messages, text)
	}
	text := strings.Join(messages, ", ")
	switch r := s.Result; {
	case r.IsNil:
		text += "; nil"
	case r.IsLast:
		text += "; last"
	default:
		text += fmt.Sprintf("; %d", r.Number)
	}
	if err != nil {
		text += "; error"
	}
	return text
}

// FuzzScript: nothing that is no script of ours gets past, and nothing is taken for more
// than its words say.
func FuzzScript(f *testing.F) {
	f.Add([]byte(laravel))
	f.Add([]byte("local c = KEYS[2]; for _, x in ipairs(ARGV) do redis.pcall(\"spublish\", c, x) end return 7"))
	f.Fuzz(func(t *testing.T, source []byte) {
		s := Parse(source)
		if s == nil {
			return
		}
		if n := bytes.Count(source, []byte("redis")); len(s.steps) > n || n == 0 {
			t.Errorf("%q: %d steps", source, len(s.steps))
		}
		if list, _ := s.Messages([][]byte{{}}, [][]byte{{}, {}}); len(list) > 2*len(s.steps) {
			t.Errorf("%q: %d messages", source, len(list))
		}
	})
}
