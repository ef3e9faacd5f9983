package evolve

// Texts that a pattern matches.

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
)

// sample returns a text that a pattern likely matches; the same one for the same seed.
func sample(pattern *regexp.Regexp, seed uint64) string {
	tree, err := syntax.Parse(pattern.String(), syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	writeSample(&b, tree.Simplify(), rand.New(rand.NewPCG(seed, 2)), 0) //nolint:gosec // the same each time, on purpose
	return strings.ToValidUTF8(b.String(), "")
}

func writeSample(b *strings.Builder, re *syntax.Regexp, random *rand.Rand, depth int) {
	const most = 1000 // bytes
	if b.Len() > most || depth > 100 {
		return
	}
	write := func(times int) {
		for range times {
			writeSample(b, re.Sub[0], random, depth+1)
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		writeClass(b, re.Rune, random)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a' + byte(random.IntN(26)))
	case syntax.OpCapture:
		write(1)
	case syntax.OpStar:
		write(random.IntN(3))
	case syntax.OpPlus:
		write(1 + random.IntN(3))
	case syntax.OpQuest:
		write(random.IntN(2))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			writeSample(b, sub, random, depth+1)
		}
	case syntax.OpAlternate:
		writeSample(b, re.Sub[random.IntN(len(re.Sub))], random, depth+1)
	}
}

// writeClass writes a rune of a class, which is a list of ranges.
func writeClass(b *strings.Builder, ranges []rune, random *rand.Rand) {
	if len(ranges) == 0 {
		return
	}
	at := 2 * random.IntN(len(ranges)/2)
	low, high := ranges[at], ranges[at+1]
	if low < ' ' && high >= ' ' {
		low = ' ' // rather something that people write
	}
	b.WriteRune(low + rune(random.IntN(int(min(high-low, 100))+1)))
}
