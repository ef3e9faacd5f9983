package command

// Writing a relay.yaml, and schemas, to begin with.

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"redis-relay/config"
	"redis-relay/relay/top"
)

func (p *program) initCommand() *cobra.Command {
	s := &start{terminal: &p.terminal, source: &p.source}
	cmd := &cobra.Command{
		Use: "init", Short: "write a commented relay.yaml to begin with",
		SuggestFor: []string{"new", "create", "setup", "generate"},
		Args:       takesNoArguments,
		Long: `For example:
  redis-relay init --redis.url redis://redis.internal:6379 --prefix chat: --prefix room:
  redis-relay init --redis.url embedded --prefix chat: --schema-from message.json
  redis-relay init --asyncapi asyncapi.yaml

--config says where; the schemas go into the folder schemas beside it. Other flags
are written into the file.`,
		RunE: func(*cobra.Command, []string) error { return s.write() },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&s.prefixes, "prefix", nil, "a route for channels that begin with `TEXT`; may be repeated")
	flags.StringArrayVar(&s.samples, "schema-from", nil, "a schema from the messages in `[PREFIX=]FILE`: one, "+
		"several behind each other, or an array; may be repeated")
	flags.StringVar(&s.asyncAPI, "asyncapi", "", "routes and schemas from the AsyncAPI document in "+
		"`FILE`, of version 2 or 3")
	flags.BoolVar(&s.force, "force", false, "overwrite files that are there")
	if err := cmd.MarkFlagFilename("asyncapi", "yaml", "yml", "json"); err != nil {
		panic(err) // the flag that was made above is not there
	}
	return cmd
}

// start is what init is told besides settings.
type start struct {
	*terminal
	source *config.Source

	prefixes []string
	samples  []string
	asyncAPI string // file; "": none
	force    bool
}

// content is what a relay.yaml says beside settings, and the schemas beside it.
type content struct {
	routes    []config.StarterRoute
	upstreams map[string]string // see config.Starter
	schemas   map[string][]byte // by the name of the file
	advice    []string          // lines for the user
}

// outputFile is a file to be written.
type outputFile struct {
	text []byte
	mode fs.FileMode
}

// write writes all files or, if anything is wrong, none.
func (s *start) write() error {
	made, err := s.content(s.source.Flags)
	if err != nil {
		return err
	}
	starter := config.Starter{Settings: s.source.Flags, Upstreams: made.upstreams, Routes: made.routes}
	files := map[string]outputFile{}
	for name, text := range made.schemas {
		files[s.schemaPath(name)] = outputFile{text, 0o644}
	}
	text, secret, err := starter.Text()
	if err != nil {
		return fmt.Errorf("nothing was written:\n%w", err)
	}
	mode := fs.FileMode(0o644)
	if secret {
		mode = 0o600
	}
	files[s.source.Path] = outputFile{[]byte(text), mode}
	if err := writeFiles(files, s.force); err != nil {
		return err
	}
	return s.tellNext(starter, files, secret, made.advice)
}

// content makes routes and schemas of what init was told. It may add to the settings.
func (s *start) content(settings map[string]string) (*content, error) {
	if s.asyncAPI != "" {
		if len(s.prefixes)+len(s.samples) > 0 {
			return nil, wrongUsage("--asyncapi says the routes; leave out --prefix and --schema-from")
		}
		return fromAsyncAPI(s.asyncAPI, settings)
	}
	for _, prefix := range s.prefixes {
		if plain := strings.TrimRight(prefix, "*"); plain != prefix {
			return nil, wrongUsage("--prefix %s: a prefix is plain text; write --prefix %s", prefix, plain)
		}
	}
	schemas, err := s.schemas()
	if err != nil {
		return nil, err
	}
	made := &content{schemas: map[string][]byte{}}
	for _, prefix := range s.prefixes {
		route := config.StarterRoute{Prefix: prefix}
		if schema := schemas[prefix]; schema.name != "" {
			route.Schemas = []string{schema.name}
			made.schemas[schema.name] = schema.text
		}
		made.routes = append(made.routes, route)
	}
	if len(made.schemas) > 0 {
		made.advice = []string{"read the schemas: what every sample has is required, and formats are those of the samples"}
	}
	return made, nil
}

// schemaPath is where the schema of a name goes.
func (s *start) schemaPath(name string) string {
	folder, given := s.source.Flags["schemas"]
	if !given {
		folder = config.Default().Schemas.Dir
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(filepath.Dir(s.source.Path), folder)
	}
	return filepath.Join(folder, name)
}

// writeFiles overwrites nothing unless it is forced to.
func writeFiles(files map[string]outputFile, force bool) error {
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		if _, err := os.Lstat(name); !force && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already, and nothing was written; name another place with --config, "+
				"or overwrite it with --force", name)
		}
	}
	for _, name := range names {
		f := files[name]
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.text, f.mode); err != nil {
			return err
		}
	}
	return nil
}

// plainWord is a word that a shell takes as it is.
var plainWord = regexp.MustCompile(`^[\w@%+=:,./-]+$`)

// shellWord writes a text so that a shell takes it as one word, and as nothing else: prefixes may come from a document
// that others wrote.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// tellNext says what was written, and what to do now.
func (s *start) tellNext(d config.Starter, files map[string]outputFile, secret bool, advice []string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "wrote %s\n", name)
	}
	if secret {
		b.WriteString("It holds a password, so only you may read it; redis.password_file keeps it apart.\n")
	}
	b.WriteString("\nNext:\n")
	if d.Settings["redis.url"] == "" {
		fmt.Fprintf(&b, "  set redis.url in %s: without it the relay does not start\n", s.source.Path)
	}
	flag, socket := "", d.Settings["socket.path"]
	if s.source.Path != defaultFile {
		flag = " --config " + shellWord(s.source.Path)
	}
	if socket == "" {
		socket = config.Default().Socket.Path
	}
	for _, line := range advice {
		fmt.Fprintf(&b, "  %s\n", top.Printable(line))
	}
	fmt.Fprintf(&b, "  redis-relay check%[1]s\n  redis-relay run%[1]s\n", flag)
	if len(d.Routes) > 0 && top.Printable(d.Routes[0].Prefix) == d.Routes[0].Prefix {
		fmt.Fprintf(&b, "  redis-cli -s %s subscribe %s\n", shellWord(socket), shellWord(d.Routes[0].Prefix+"1"))
	}
	_, err := fmt.Fprint(s.stdout, b.String())
	return err
}
