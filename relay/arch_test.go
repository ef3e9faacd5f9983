package relay_test

// The rules of the house: who may import what, and what each file owes its
// reader. They are read off the source, test files and all platforms included.

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = ".."
	module = "redis-relay"
)

// layers says which of our packages each package may import, beside the standard
// library: arrows point down, and a new package takes its place here first.
var layers = map[string]struct {
	imports []string
	because string
}{
	".":                {[]string{"relay/command"}, "main hands over"},
	"config":           {nil, "settings are plain values that anybody may read"},
	"relay":            {parts, "the composition root is the one place where all parts meet"},
	"relay/account":    {nil, "it judges the relay by what can be seen from outside"},
	"relay/admin":      {[]string{"relay/status"}, "HTTP shows what others count"},
	"relay/alerts":     {[]string{"relay/monitor", "relay/notice"}, "it remembers what notices say, and knows nothing of what they are about"},
	"relay/asyncapi":   {[]string{"config", "relay/schema", "relay/schema/drafts"}, "it says routes in other words, and runs none"},
	"relay/bench":      {[]string{"relay/bench/scale/model", "relay/bench/scale/trial"}, "it measures the relay from outside"},
	"relay/checks":     {[]string{"relay/loop", "relay/monitor", "relay/policy", "relay/resp", "relay/route", "relay/schema", "relay/traces"}, "it has verdicts made, and knows neither Redis nor listeners"},
	"relay/clients":    {nil, "it sees the relay as an application does: through the socket"},
	"relay/command":    {[]string{"config", "relay", "relay/admin", "relay/asyncapi", "relay/command/clouds", "relay/deadletter/replay", "relay/preflight", "relay/resp", "relay/schema", "relay/schema/infer", "relay/tail", "relay/top"}, "it says what to run, and runs it"},
	"relay/deadletter": {[]string{"relay/stream", "relay/upstream"}, "it keeps what it is given, and knows no rules"},
	"relay/docs":       {nil, "it holds what the pages say to the program from outside"},
	"relay/embedded":   {[]string{"relay/glob", "relay/resp"}, "to the relay it is a Redis like any other"},
	"relay/explain":    {[]string{"config", "relay/names", "relay/needs", "relay/policy", "relay/resp", "relay/respserver", "relay/route", "relay/schema"}, "it asks the rules as the relay does, and words what they say"},
	"relay/fleet":      {[]string{"relay/loop", "relay/resp", "relay/upstream"}, "it asks other relays through Redis, and is told what it counts"},
	"relay/glob":       {nil, "a pure function"},
	"relay/history":    {[]string{"relay/glob", "relay/loop", "relay/resp", "relay/stream", "relay/upstream"}, "it asks Redis, and is told what comes from it"},
	"relay/hub":        {[]string{"relay/glob", "relay/nonblock", "relay/resp"}, "it knows interest, not where messages come from"},
	"relay/leaf":       {[]string{"config", "relay/loop", "relay/natsbridge", "relay/needs", "relay/notice", "relay/upstream"}, "a term is a bridge and a lease; routes are no concern of it"},
	"relay/loop":       {[]string{"relay/nonblock"}, "it knows descriptors and times, not what is said over them"},
	"relay/meter":      {nil, "it knows names and times, not messages"},
	"relay/monitor":    {nil, "it counts what it is told"},
	"relay/names":      {[]string{"relay/glob", "relay/route"}, "a name needs a table and nothing else"},
	"relay/natsbridge": {[]string{"relay/hub", "relay/loop", "relay/nonblock", "relay/resp"}, "the gateway knows neither routes nor Redis"},
	"relay/needs":      {[]string{"relay/notice", "relay/upstream"}, "it knows what Redis must allow, not who asks for it"},
	"relay/nonblock":   {nil, "a system call and nothing else"},
	"relay/order":      {nil, "it sees the relay as its clients do: through the socket"},
	"relay/notice":     {[]string{"relay/monitor", "relay/policy", "relay/route", "relay/sampling"}, "it reports what others have found; listeners are outlets"},
	"relay/overview":   {[]string{"config", "relay/admin", "relay/alerts", "relay/deadletter", "relay/fleet", "relay/history", "relay/hub", "relay/hub/last", "relay/leaf", "relay/loop", "relay/monitor", "relay/natsbridge", "relay/notice", "relay/policy", "relay/resp", "relay/respserver", "relay/respserver/listen", "relay/status", "relay/traces", "relay/traffic", "relay/upstream", "relay/upstream/credentials", "relay/watch"}, "it asks all parts, and none asks it"},
	"relay/preflight":  {[]string{"config", "relay/alerts", "relay/explain", "relay/leaf", "relay/needs", "relay/policy", "relay/respserver", "relay/respserver/listen", "relay/schema/evolve", "relay/traces", "relay/upstream", "relay/upstream/cluster", "relay/upstream/credentials", "relay/upstream/sentinel"}, "it has parts check their settings, and starts none"},
	"relay/policy":     {[]string{"config", "relay/glob", "relay/meter", "relay/resp", "relay/route", "relay/schema", "relay/schema/evolve"}, "it decides, and tells nobody"},
	"relay/redistest":  {nil, "what tests say about the wire owes nothing to the code under test"},
	"relay/resp":       {nil, "the codec is pure"},
	"relay/respserver": {[]string{"relay/glob", "relay/hub", "relay/loop", "relay/nonblock", "relay/resp", "relay/respserver/listen", "relay/respserver/lua", "relay/sampling", "relay/stream", "relay/tail"}, "the gateway knows neither routes nor Redis"},
	"relay/route":      {nil, "a decision needs a table and nothing else"},
	"relay/sampling":   {nil, "it knows keys and times, not what is logged"},
	"relay/schema":     {[]string{"relay/schema/ascii", "relay/schema/drafts", "relay/schema/format", "relay/schema/regex"}, "a verdict needs a payload and nothing else"},
	"relay/status":     {[]string{"relay/notice"}, "it keeps what it is told, for readers"},
	"relay/storm":      {nil, "it sees the relay as its host does: as a process"},
	"relay/stream":     {nil, "the words of a question and of its answer are plain values"},
	"relay/traces":     {[]string{"relay/schema"}, "it knows messages, not where they come from"},
	"relay/tail":       {[]string{"relay/glob", "relay/loop", "relay/resp"}, "it shows what it is told, and knows no rules"},
	"relay/traffic":    {nil, "it counts names and times; who publishes is asked of others"},
	"relay/top":        {[]string{"relay/glob", "relay/monitor", "relay/notice", "relay/status"}, "it shows a status, wherever that comes from"},
	"relay/watch":      {[]string{"config", "relay/hub", "relay/loop", "relay/monitor", "relay/notice", "relay/policy", "relay/resp", "relay/respserver", "relay/route", "relay/tail", "relay/traffic"}, "it looks on, and changes no message"},
	"relay/upstream":   {[]string{"relay/loop", "relay/nonblock", "relay/resp", "relay/upstream/cluster", "relay/upstream/credentials", "relay/upstream/events", "relay/upstream/frames", "relay/upstream/secure", "relay/upstream/sentinel"}, "the Redis side knows nothing of local clients"},

	"relay/bench/scale":       {[]string{"relay/bench/scale/chart", "relay/bench/scale/model"}, "it calculates, and starts nothing"},
	"relay/bench/scale/chart": {nil, "a picture needs numbers and nothing else"},
	"relay/bench/scale/model": {nil, "pure functions and a table of constants"},
	"relay/bench/scale/trial": {[]string{"relay/bench/scale/model"}, "it runs what the model calculates"},

	"relay/command/clouds": {nil, "it asks a cloud who this process is, and knows nothing of relays"},

	"relay/hub/last":       {nil, "a message is bytes, whatever it says"},
	"relay/history/writer": {[]string{"relay/resp", "relay/stream", "relay/upstream"}, "it writes, and knows nothing of who reads"},

	"relay/respserver/listen": {nil, "it takes addresses and connections, and knows nothing of what is said over them"},
	"relay/respserver/lua":    {[]string{"relay/resp"}, "a script needs a text and nothing else"},

	"relay/upstream/cluster":     {nil, "it keeps account, and opens no connection"},
	"relay/upstream/credentials": {nil, "it runs a program, and does not know what for"},
	"relay/upstream/events":      {[]string{"relay/resp"}, "it hears one node, and knows nothing of the others"},
	"relay/upstream/frames":      {[]string{"relay/resp"}, "a frame needs bytes and nothing else"},
	"relay/upstream/sentinel":    {nil, "it finds an address, and knows nothing of who goes there"},
	"relay/upstream/shards":      {[]string{"relay/loop", "relay/resp", "relay/upstream", "relay/upstream/cluster", "relay/upstream/credentials"}, "it knows which node has what, not who wants it"},
	"relay/upstream/secure":      {nil, "it knows certificates and ports, not Redis"},

	"relay/deadletter/replay": {[]string{"config", "relay/deadletter", "relay/history", "relay/names", "relay/policy", "relay/resp", "relay/route", "relay/upstream"}, "it asks the rules as the relay does, and Redis itself"},

	"relay/schema/ascii":  {nil, "a pure function"},
	"relay/schema/drafts": {nil, "tables of words"},
	"relay/schema/evolve": {[]string{"relay/schema"}, "it compares what schemas ask, and asks their checkers"},
	"relay/schema/format": {[]string{"relay/schema/ascii", "relay/schema/regex"}, "a format needs a text and nothing else"},
	"relay/schema/infer":  {[]string{"relay/schema/format"}, "it writes a schema, and checks no message"},
	"relay/schema/regex":  {[]string{"relay/schema/ascii"}, "a pattern needs a text and nothing else"},

	"relay/test/collector": {nil, "it takes spans as any receiver does"},
	"relay/test/harness":   {[]string{"config", "relay", "relay/fleet", "relay/notice", "relay/redistest", "relay/schema"}, "it runs relays in a test's process"},
	"relay/test/process":   {[]string{"relay/redistest"}, "it runs relays as their hosts do"},
	subjects:               {nil, "black-box tests, by subject: a relay is what the harness shows of it"},
}

// subjects stands for every folder of black-box tests.
const subjects = "relay/test/*"

// layerOf returns the name of a package in layers.
func layerOf(pkg string) string {
	if _, named := layers[pkg]; !named && path.Dir(pkg) == path.Dir(subjects) {
		return subjects
	}
	return pkg
}

// parts is what the composition root puts together.
var parts = []string{
	"config", "relay/admin", "relay/alerts", "relay/checks", "relay/deadletter", "relay/deadletter/replay", "relay/embedded", "relay/explain", "relay/fleet", "relay/history", "relay/history/writer", "relay/hub", "relay/hub/last", "relay/leaf", "relay/loop",
	"relay/monitor", "relay/names", "relay/natsbridge", "relay/needs", "relay/notice", "relay/overview", "relay/policy", "relay/preflight", "relay/resp", "relay/respserver", "relay/respserver/listen", "relay/route", "relay/sampling",
	"relay/schema", "relay/schema/evolve", "relay/status", "relay/stream", "relay/tail", "relay/traces", "relay/traffic", "relay/upstream", "relay/upstream/credentials", "relay/upstream/shards", "relay/watch",
}

// modules says which of our packages may import a third-party module; none means
// any of them. relay/clients has client libraries in its tests only, as
// applications have them.
var modules = map[string]struct {
	owners  []string
	because string
}{
	"github.com/alicebob/miniredis/v2":         {[]string{"relay/embedded"}, "no concern of others"},
	"github.com/spf13/cobra":                   {[]string{"relay/command"}, "others are told what was meant"},
	"github.com/gdamore/tcell/v3":              {[]string{"relay/top", "relay/test/top"}, "others write no escape codes"},
	"github.com/clipperhouse/displaywidth":     {[]string{"relay/top"}, "others need not know how wide a text is on a terminal"},
	"github.com/spf13/pflag":                   {[]string{"relay/command"}, "others are told what was meant"},
	"github.com/fatih/color":                   {[]string{"relay/command"}, "the relay itself has no terminal"},
	"github.com/mattn/go-isatty":               {[]string{"relay/command"}, "the relay itself has no terminal"},
	"github.com/creack/pty":                    {[]string{"relay/test/tail", "relay/test/top"}, "for tests: a terminal"},
	"github.com/go-viper/mapstructure/v2":      {[]string{"config"}, "how settings are decoded stays there"},
	"github.com/knadh/koanf/v2":                {[]string{"config"}, "others get a plain struct"},
	"go.yaml.in/yaml/v3":                       {[]string{"config", "relay/asyncapi"}, "others get a plain struct, or a document"},
	"github.com/nats-io/nats-server/v2":        {[]string{"relay/natsbridge", "relay/bench", "relay/test/nats"}, "the link rests on its protocol"},
	"github.com/nats-io/nats.go":               {[]string{"relay/natsbridge", "relay/test/nats"}, "for tests: the relay itself has no client"},
	"github.com/nats-io/nkeys":                 {[]string{"relay/natsbridge", "relay/test/nats"}, "credentials for a cluster stay there"},
	"github.com/nats-io/jwt/v2":                {[]string{"relay/test/nats"}, "for tests: only a cluster reads what it says"},
	"github.com/prometheus/client_golang":      {[]string{"relay/monitor"}, "others count through two methods"},
	"github.com/prometheus/client_model":       {[]string{"relay/monitor"}, "others count through two methods"},
	"github.com/redis/go-redis/v9":             {[]string{"relay/upstream", "relay/upstream/events", "relay/upstream/sentinel", "relay/clients"}, "the tap rests on it"},
	"github.com/santhosh-tekuri/jsonschema/v5": {[]string{"relay/schema", "relay/schema/drafts"}, "it panics, unless guarded"},

	"github.com/AzureAD/microsoft-authentication-library-for-go": {[]string{"relay/command/clouds"}, "a relay itself knows no cloud"},
	"github.com/aws/aws-sdk-go-v2":                               {[]string{"relay/command/clouds"}, "a relay itself knows no cloud"},
	"golang.org/x/oauth2":                                        {[]string{"relay/command/clouds"}, "a relay itself knows no cloud"},

	"go.opentelemetry.io/otel":       {[]string{"relay/traces"}, "others say what happens to a message"},
	"go.opentelemetry.io/proto/otlp": {[]string{"relay/traces", "relay/test/collector"}, "others say what happens to a message"},
	"google.golang.org/protobuf":     {[]string{"relay/traces", "relay/test/collector"}, "others say what happens to a message"},

	"go.uber.org/zap":          {nil, "the log is a parameter everywhere"},
	"go.uber.org/goleak":       {nil, "for tests"},
	"github.com/google/go-cmp": {nil, "for tests"},
	"golang.org/x/net":         {[]string{"relay/schema/format"}, "for package idna alone: names of hosts in all letters"},
	"golang.org/x/text":        {[]string{"relay/schema/format"}, "normalises such names"},
	"golang.org/x/sync":        {nil, "an extension of the standard library"},
	"golang.org/x/term":        {[]string{"relay/test/top"}, "for tests: the modes of a terminal"},
	"golang.org/x/sys":         {nil, "an extension of the standard library"},
	"golang.org/x/time":        {nil, "an extension of the standard library"},
}

// bans keep packages of the standard library out of product code.
var bans = []struct {
	packages []string // of ours
	imports  []string
	because  string
}{
	{
		[]string{"relay/glob", "relay/resp", "relay/route"},
		[]string{"net", "os", "sync/atomic", "context"},
		"pure code is tested by tables and fuzzed as it is",
	},
	{[]string{"relay/glob", "relay/resp"}, []string{"time"}, "so is what has no clock; a route's durations are only data"},
	{
		[]string{"relay/policy"},
		[]string{"net", "os", "sync", "sync/atomic", "context", "go.uber.org/zap"},
		"a verdict has no effect",
	},
	{[]string{"relay/schema"}, []string{"net", "net/http"}, "no reference is ever fetched"},
	{
		[]string{"config", "relay", "relay/embedded", "relay/hub", "relay/respserver", "relay/upstream"},
		[]string{"net/http"},
		"HTTP is what admin is for",
	},
	{
		append([]string{".", "relay", "relay/command"}, parts...),
		[]string{"log", "log/slog", "expvar", "testing"},
		"logger and metrics are parameters, and test support stays out of the program",
	},
}

// sourceFile is a Go file as far as the rules look at it.
type sourceFile struct {
	path string // from the root
	pkg  string // its folder
	test bool
	ast  *ast.File
}

// projectFiles lists the files of the project: those that git knows or would add, by
// their path from the root. What git ignores was made by tools or by a relay that ran.
func projectFiles(t *testing.T) (paths []string) {
	t.Helper()
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others",
		"--exclude-standard", "--deduplicate").Output()
	if err != nil {
		t.Fatalf("list the project's files: %v; install git, and work in a clone", err)
	}
	for p := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if info, err := os.Lstat(filepath.Join(root, p)); err == nil && info.Mode().IsRegular() { // else about to be removed
			paths = append(paths, p)
		}
	}
	return paths
}

// TestIgnoredFilesAreNotLookedAt: a relay that ran here, or a build, leaves files.
func TestIgnoredFilesAreNotLookedAt(t *testing.T) {
	for _, pattern := range []string{"*.sock.history", "*.sock.lock"} {
		f, err := os.CreateTemp(root, pattern)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) })
		if name := filepath.Base(f.Name()); slices.Contains(projectFiles(t), name) {
			t.Errorf("%s is taken for a file of the project", name)
		}
	}
}

// sources parses every Go file of the project.
func sources(t *testing.T) []sourceFile {
	t.Helper()
	var list []sourceFile
	files := token.NewFileSet()
	for _, p := range projectFiles(t) {
		if path.Ext(p) != ".go" || strings.HasPrefix(p, "relay/deploy/") { // a module of its own
			continue
		}
		f, err := parser.ParseFile(files, filepath.Join(root, p), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, sourceFile{p, path.Dir(p), strings.HasSuffix(p, "_test.go"), f})
	}
	if len(list) < 50 {
		t.Fatalf("only %d Go files: is this the root?", len(list))
	}
	return list
}

// imports lists the paths that a file imports.
func (f *sourceFile) imports() (list []string) {
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range sources(t) {
		layer, known := layers[layerOf(f.pkg)]
		if !known {
			t.Errorf("%s: package %s has no place yet; give it one in layers, with a reason", f.path, f.pkg)
		}
		if f.test {
			continue // the compiler sees to cycles
		}
		for _, imported := range f.imports() {
			name, ours := strings.CutPrefix(imported, module+"/")
			if ours && !slices.Contains(layer.imports, name) {
				t.Errorf("%s imports %s; %s may import %q only: %s", f.path, name, f.pkg, layer.imports, layer.because)
			}
		}
	}
}

func TestOneDependencyOnePackage(t *testing.T) {
	used := map[string]bool{}
	for _, f := range sources(t) {
		for _, imported := range f.imports() {
			if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
				continue // the standard library, or ours
			}
			name := moduleOf(imported)
			row, known := modules[name]
			used[name] = true
			switch {
			case !known:
				t.Errorf("%s imports %s, a new dependency; give it an owner in modules, with a reason", f.path, imported)
			case row.owners != nil && !slices.Contains(row.owners, f.pkg):
				t.Errorf("%s imports %s, which belongs to %q: %s", f.path, imported, row.owners, row.because)
			}
		}
	}
	for name := range modules {
		if !used[name] {
			t.Errorf("nothing imports %s any more; take its row out", name)
		}
	}
}

// moduleOf finds the row of an import path; without one it is the path.
func moduleOf(imported string) string {
	for name := range modules {
		if imported == name || strings.HasPrefix(imported, name+"/") {
			return name
		}
	}
	return imported
}

func TestBans(t *testing.T) {
	for _, f := range sources(t) {
		for _, ban := range bans {
			if f.test || !slices.Contains(ban.packages, f.pkg) {
				continue
			}
			for _, imported := range f.imports() {
				if slices.Contains(ban.imports, imported) {
					t.Errorf("%s imports %s: %s", f.path, imported, ban.because)
				}
			}
		}
	}
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := map[string]bool{".": true} // main.go says what the command is
	folders := map[string]bool{}
	plain := map[string]bool{"relay/bench": true, "relay/clients": true} // nobody imports them
	concurrency := regexp.MustCompile(`(?i)concurren`)
	for _, f := range sources(t) {
		folders[f.pkg] = true
		if path.Base(f.path) != "doc.go" || f.ast.Doc == nil {
			continue
		}
		text, what := f.ast.Doc.Text(), "Package "+f.ast.Name.Name
		if f.ast.Name.Name == "main" {
			what = "Command " + path.Base(f.pkg)
		}
		documented[f.pkg] = strings.HasPrefix(text, what+" ")
		if !plain[f.pkg] && !concurrency.MatchString(text) {
			t.Errorf("%s does not say what may be used concurrently", f.path)
		}
	}
	for folder := range folders {
		if !documented[folder] {
			t.Errorf("%s has no doc.go that begins with a package comment", folder)
		}
	}
}

// TestEveryFileSaysWhatItIsFor wants a comment before the first declaration. The
// tests of x.go, in x_test.go, say it by their name.
func TestEveryFileSaysWhatItIsFor(t *testing.T) {
	for _, f := range sources(t) {
		if tested, ok := strings.CutSuffix(f.path, "_test.go"); ok {
			if _, err := os.Stat(filepath.Join(root, tested+".go")); err == nil {
				continue
			}
		}
		if !opensWithComment(f.ast) {
			t.Errorf("%s does not open with a comment that says what the file is for", f.path)
		}
	}
}

// opensWithComment looks for a comment outside the imports that ends before the
// first declaration begins. Directives are no comments.
func opensWithComment(f *ast.File) bool {
	end, imports := f.FileEnd, token.NoPos
	for _, d := range f.Decls {
		if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
			imports = g.End()
			continue
		}
		end = d.Pos()
		break
	}
	return slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool {
		inImports := f.Imports != nil && c.Pos() > f.Imports[0].Pos() && c.Pos() < imports
		return c.End() < end && !inImports && c.Text() != ""
	})
}

// TestNoRegistryHosts keeps the addresses of package registries out: where
// packages come from is set where the project is built. The names are in halves,
// since this file is looked at, too.
func TestNoRegistryHosts(t *testing.T) {
	hosts := []string{
		"proxy." + "golang.org", "sum." + "golang.org", "npm" + "js.org", "npm" + "js.com", "yarn" + "pkg.com",
		"py" + "pi.org", "python" + "hosted.org", "crates" + ".io", "ruby" + "gems.org", "docker" + ".io", "ghcr" + ".io",
		"arti" + "factory",
	}
	for _, p := range projectFiles(t) {
		text, err := os.ReadFile(filepath.Join(root, p))
		if err != nil {
			t.Error(err)
			continue
		}
		text = bytes.ToLower(text)
		for _, host := range hosts {
			if bytes.Contains(text, []byte(host)) {
				t.Errorf("%s names %s", p, host)
			}
		}
	}
}

func TestTopLevel(t *testing.T) {
	wanted := []string{
		".ci", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "Makefile", "README.md", "config",
		"SECURITY.md", "docs", "examples", "go.mod", "go.sum", "main.go", "relay", "relay.yaml", "schemas",
	}
	present := map[string]bool{}
	for _, p := range projectFiles(t) {
		name, _, _ := strings.Cut(p, "/")
		if !present[name] && !slices.Contains(wanted, name) && !strings.HasPrefix(name, ".") {
			t.Errorf("%s has no place at the top level", name)
		}
		present[name] = true
	}
	for _, name := range wanted {
		if !present[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
