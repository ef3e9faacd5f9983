package docs_test

// Pages, and what is in them: headings, tables, links and fenced blocks.

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the folder of the repository.
const root = "../.."

// page is a file in Markdown.
type page struct {
	path string // from the root, with slashes
	text string
}

// read reads one page.
func read(t *testing.T, path string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return page{path, string(text)}
}

// guides reads the pages in docs.
func guides(t *testing.T) (pages []page) {
	t.Helper()
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			path, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, read(t, filepath.ToSlash(path)))
		}
	}
	if len(pages) < 10 {
		t.Fatalf("only %d pages in docs", len(pages))
	}
	return pages
}

// manual reads README.md, ARCHITECTURE.md and the pages in docs.
func manual(t *testing.T) []page {
	t.Helper()
	return append(guides(t), read(t, "README.md"), read(t, "ARCHITECTURE.md"))
}

var fence = regexp.MustCompile("(?ms)^```([^\n`]*)\n(.*?)^```$")

// prose is the page without its fenced blocks.
func (p page) prose() string { return fence.ReplaceAllString(p.text, "") }

// block is a fenced block.
type block struct{ info, text string }

func (p page) blocks() (list []block) {
	for _, m := range fence.FindAllStringSubmatch(p.text, -1) {
		list = append(list, block{m[1], m[2]})
	}
	return list
}

var heading = regexp.MustCompile(`(?m)^#+ (.+)$`)

// headings lists the texts of the headings, as they are written.
func (p page) headings() (list []string) {
	for _, m := range heading.FindAllStringSubmatch(p.prose(), -1) {
		list = append(list, m[1])
	}
	return list
}

var notInAnchors = regexp.MustCompile(`[^\p{L}\p{N}\p{Pc} -]`)

// anchor is how a heading is linked to.
func anchor(heading string) string {
	return strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

var id = regexp.MustCompile(`<a id="([^"]+)"></a>`)

// anchors lists where links into the page may lead: headings, and what has an id.
func (p page) anchors() (list []string) {
	for _, h := range p.headings() {
		list = append(list, anchor(h))
	}
	for _, m := range id.FindAllStringSubmatch(p.text, -1) {
		list = append(list, m[1])
	}
	return list
}

var link = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)

// links lists the targets of the links.
func (p page) links() (list []string) {
	for _, m := range link.FindAllStringSubmatch(p.prose(), -1) {
		list = append(list, m[1])
	}
	return list
}

// row is the cells of one row of a table, without the spaces around them.
type row []string

// rows reads every row in a text, but for heads and the lines under them.
func rows(text string) (list []row) {
	lines := slices.Collect(strings.Lines(text))
	for i, line := range lines {
		if !isRow(line) || isRule(line) || i+1 < len(lines) && isRule(lines[i+1]) {
			continue
		}
		var cells row
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		list = append(list, cells)
	}
	return list
}

func isRow(line string) bool  { return strings.HasPrefix(line, "|") }
func isRule(line string) bool { return strings.HasPrefix(line, "|---") }

// table reads the first table under a heading, before the next heading.
func (p page) table(t *testing.T, title string) []row {
	t.Helper()
	text := p.prose()
	for _, at := range heading.FindAllStringSubmatchIndex(text, -1) {
		if text[at[2]:at[3]] != title {
			continue
		}
		section := text[at[1]:]
		if next := heading.FindStringIndex(section); next != nil {
			section = section[:next[0]]
		}
		if list := rows(firstTable(section)); len(list) > 0 {
			return list
		}
	}
	t.Fatalf("%s has no table under the heading %q", p.path, title)
	return nil
}

// firstTable is the first table in a text, or nothing.
func firstTable(text string) (table string) {
	for line := range strings.Lines(text) {
		if isRow(line) {
			table += line
		} else if table != "" {
			break
		}
	}
	return table
}

var coded = regexp.MustCompile("`([^`]*)`")

// codeWords lists what a text shows as code.
func codeWords(text string) (words []string) {
	for _, m := range coded.FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	return words
}

// fullNames is codeWords with `redis.tls.ca`, `.cert` written out.
func fullNames(text string) (names []string) {
	group := ""
	for _, word := range codeWords(text) {
		if rest, short := strings.CutPrefix(word, "."); short {
			word = group + rest
		}
		group = word[:strings.LastIndex(word, ".")+1]
		names = append(names, word)
	}
	return names
}

var onlyCode = regexp.MustCompile("^`[^`]+`(, `[^`]+`)*( …)?$")

// entries lists what the page explains: the names that are a heading, or the whole
// first cell of a row.
func (p page) entries() (names []string) {
	candidates := p.headings()
	for _, cells := range rows(p.prose()) {
		candidates = append(candidates, cells[0])
	}
	for _, text := range candidates {
		if onlyCode.MatchString(text) {
			names = append(names, fullNames(text)...)
		}
	}
	return names
}
