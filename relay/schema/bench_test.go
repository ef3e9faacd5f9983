package schema

// This file measures a check of each shipped schema, by the checker and by examination, and of schemas as
// applications have them.

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shippedPayloads holds a typical payload for each shipped schema.
var shippedPayloads = map[string]string{
	"chat.json": chatMessage,
	"user.json": `{"type":"notification","data":{"id":"n-1029","userId":"u-77","type":"mention","title":"You were named",` +
		`"message":"in room 42","timestamp":"2026-01-02T03:04:05.678Z","read":false}}`,
	"document.json": `{"type":"cursor","userId":"u-77","position":{"line":120,"column":14},"timestamp":1767323045678}`,
	"events.json":   `{"event":"upstream_up","time":"2026-01-02T03:04:05.678Z","since":"2026-01-02T03:04:01Z","subscriptions":50}`,
	"rejects.json": `{"time":"2026-01-02T03:04:05Z","direction":"outbound","channel":"chat:42","route":"chat:","code":"INVALID",` +
		`"reason":"/userId: expected string, but got number","size":42}`,
}

// userSchemas are schemas and messages as applications have them.
var userSchemas = map[string]struct{ schema, payload string }{
	"position": {
		`{"type":"object","required":["type","id","lat","lon"],"additionalProperties":false,"properties":{
		"type":{"const":"position"},"id":{"type":"string","format":"uuid"},"lat":{"type":"number","minimum":-90,"maximum":90},
		"lon":{"type":"number","minimum":-180,"maximum":180},"speed":{"type":"number","minimum":0},"at":{"type":"string","format":"date-time"}}}`,
		`{"type":"position","id":"123e4567-e89b-12d3-a456-426614174000","lat":52.520008,"lon":13.404954,"speed":12.5,"at":"2026-01-02T03:04:05.678Z"}`,
	},
	"pattern": {
		`{"type":"object","required":["sku","slug","color"],"properties":{
		"sku":{"type":"string","pattern":"^[A-Z]{2}-[0-9]{4,6}$"},"slug":{"type":"string","pattern":"^[a-z0-9]+(-[a-z0-9]+)*$","maxLength":64},
		"color":{"type":"string","pattern":"^#[0-9a-fA-F]{6}$"}}}`,
		`{"sku":"AB-12345","slug":"a-bright-cold-day-in-april","color":"#12ab9F","name":"shirt"}`,
	},
	"formats": {
		`{"type":"object","required":["email"],"properties":{"email":{"type":"string","format":"email"},
		"site":{"type":"string","format":"uri"},"host":{"type":"string","format":"hostname"},"ip":{"type":"string","format":"ipv4"}}}`,
		`{"email":"ann.lee@example.com","site":"https://example.com/a/b?c=1","host":"web-1.example.com","ip":"192.168.10.200"}`,
	},
	"order": {
		`{"type":"object","required":["id","items","total"],"properties":{"id":{"type":"string"},
		"items":{"type":"array","minItems":1,"maxItems":100,"items":{"$ref":"#/$defs/item"}},"total":{"type":"number","multipleOf":0.01}},
		"$defs":{"item":{"type":"object","required":["sku","count","price"],"additionalProperties":false,"properties":{"sku":{"type":"string","minLength":1},
		"count":{"type":"integer","minimum":1},"price":{"type":"number","exclusiveMinimum":0,"multipleOf":0.01}}}}}`,
		`{"id":"o-1029","items":[{"sku":"a-1","count":2,"price":19.99},{"sku":"b-22","count":1,"price":5}],"total":44.98}`,
	},
	"union": {
		`{"type":"object","required":["type"],"oneOf":[{"$ref":"#/$defs/a"},{"$ref":"#/$defs/b"},{"$ref":"#/$defs/c"},{"$ref":"#/$defs/d"}],
		"$defs":{"a":{"properties":{"type":{"const":"join"},"room":{"type":"string"}},"required":["room"]},
		"b":{"properties":{"type":{"const":"leave"},"room":{"type":"string"},"why":{"enum":["quit","kick","lost"]}},"required":["room","why"]},
		"c":{"properties":{"type":{"const":"say"},"text":{"type":"string","minLength":1,"maxLength":2000}},"required":["text"]},
		"d":{"properties":{"type":{"const":"react"},"emoji":{"type":"string","maxLength":8},"to":{"type":"integer"}},"required":["emoji","to"]}}}`,
		`{"type":"leave","room":"general","why":"lost","user":{"id":77,"name":"ann"}}`,
	},
	"tags": {
		`{"type":"object","properties":{"tags":{"type":"array","uniqueItems":true,"maxItems":16,"items":{"type":"string","maxLength":32}},
		"meta":{"type":"object","patternProperties":{"^x-":{"type":"string"}},"additionalProperties":{"type":"number"},"maxProperties":20}}}`,
		`{"tags":["red","green","blue","cyan"],"meta":{"x-app":"web","x-ver":"1.2","weight":12.5,"depth":3}}`,
	},
}

// shippedChecker returns the checker of a shipped schema and its payload.
func shippedChecker(tb testing.TB, name string) (*Checker, []byte) {
	tb.Helper()
	set, err := Load(shippedFolder, "")
	if err != nil {
		tb.Fatal(err)
	}
	c, err := set.Checker(name, "type")
	if err != nil {
		tb.Fatal(err)
	}
	return c, []byte(shippedPayloads[name])
}

func BenchmarkCheck(b *testing.B) {
	for name := range shippedPayloads {
		b.Run(name, func(b *testing.B) {
			c, payload := shippedChecker(b, name)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUser checks a message of each of userSchemas.
func BenchmarkUser(b *testing.B) {
	for name, user := range userSchemas {
		b.Run(name, func(b *testing.B) {
			c, payload := loadText(b, user.schema), []byte(user.payload)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCheckText checks chat messages that are 16 KiB of text.
func BenchmarkCheckText(b *testing.B) {
	const size = 16 << 10
	for name, piece := range map[string]string{"ascii": "bright cold day ", "cyrillic": "холодный", "escapes": `a\n\u00e9`} {
		b.Run(name, func(b *testing.B) {
			c, payload := shippedChecker(b, "chat.json")
			text := `{"text":"` + strings.Repeat(piece, size/len(piece)) + `",`
			payload = slices.Concat([]byte(text), payload[1:])
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPatternText scans a text for which there are many patterns, of which the scan tries no more than it may.
func BenchmarkPatternText(b *testing.B) {
	for _, patterns := range []int{0, 1, 10, 50} {
		for _, size := range []int{16 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("%d/%dKiB", patterns, size>>10), func(b *testing.B) {
				c, payload := loadText(b, patternsOfA(patterns)), []byte(`"`+strings.Repeat("a", size)+`"`)
				b.SetBytes(int64(len(payload)))
				b.ReportAllocs()
				for b.Loop() {
					if _, _, _, err := c.Scan(payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkExamine is what a schema costs that does not compile.
func BenchmarkExamine(b *testing.B) {
	for name := range shippedPayloads {
		b.Run(name, func(b *testing.B) {
			c, payload := shippedChecker(b, name)
			c.program = nil
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse is what it costs to refuse the payloads of BenchmarkCheck, each with a value of another type.
func BenchmarkRefuse(b *testing.B) {
	for name, change := range map[string][2]string{
		"chat.json": {`"u-77"`, `77`}, "user.json": {`false`, `"no"`}, "document.json": {`120`, `"120"`},
		"events.json": {`50`, `"50"`}, "rejects.json": {`42}`, `"42"}`},
	} {
		b.Run(name, func(b *testing.B) {
			c, payload := shippedChecker(b, name)
			payload = bytes.Replace(payload, []byte(change[0]), []byte(change[1]), 1)
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.Check(payload); err == nil {
					b.Fatal("it passes")
				}
			}
		})
	}
}

// BenchmarkShapes checks chat messages: of one shape; of two kinds; of as many shapes as there are messages, with and
// without a predictor, which cannot help there; and of shapes of which a third is known.
func BenchmarkShapes(b *testing.B) {
	const typing = `{"type":"typing","roomId":"42","userId":"u-77","typing":true,"timestamp":"2026-01-02T03:04:05Z"}`
	shapes := make([]string, 512)
	for i := range shapes {
		shapes[i] = strings.Replace(chatMessage, `"message":"`, fmt.Sprintf(`"note%d":%d,"message":"`, i, i), 1)
	}
	third := slices.Clone(shapes)
	for i := 0; i < len(third); i += 3 {
		third[i] = chatMessage
	}
	c, _ := shippedChecker(b, "chat.json")
	ordinary := *c
	ordinary.predictor = nil
	for name, bench := range map[string]struct {
		c     *Checker
		texts []string
	}{
		"one": {c, []string{chatMessage}}, "two": {c, []string{chatMessage, typing}}, "all": {c, shapes}, "third": {c, third},
		"all, ordinary": {&ordinary, shapes}, "third, ordinary": {&ordinary, third}, "two, ordinary": {&ordinary, []string{chatMessage, typing}},
	} {
		b.Run(name, func(b *testing.B) {
			c := *bench.c
			if c.predictor != nil {
				c.predictor = newPredictor()
			}
			payloads := make([][]byte, len(bench.texts))
			for i, text := range bench.texts {
				payloads[i] = []byte(text)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := c.Check(payloads[i%len(payloads)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
