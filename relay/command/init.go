package command

// Writing a relay.yaml, and schemas, to begin with.

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"redis-relay/config"
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

--config says where; the schemas go into the folder schemas beside it. Other flags
are written into the file.`,
		RunE: func(*cobra.Command, []string) error { return s.write() },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&s.prefixes, "prefix", nil, "a route for channels that begin with `TEXT`; may be repeated")
	flags.StringArrayVar(&s.samples, "schema-from", nil, "a schema from the messages in `[PREFIX=]FILE`: one, "+
		"several behind each other, or an array; may be repeated")
	flags.BoolVar(&s.force, "force", false, "overwrite files that are there")
	return cmd
}

// start is what init is told besides settings.
type start struct {
	*terminal
	source *config.Source

	prefixes []string
	samples  []string
	force    bool
}

// outputFile is a file to be written.
type outputFile struct {
	text []byte
	mode fs.FileMode
}

// write writes all files or, if anything is wrong, none.
func (s *start) write() error {
	for _, prefix := range s.prefixes {
		if plain := strings.TrimRight(prefix, "*"); plain != prefix {
			return wrongUsage("--prefix %s: a prefix is plain text; write --prefix %s", prefix, plain)
		}
	}
	schemas, err := s.schemas()
	if err != nil {
		return err
	}
	starter := config.Starter{Settings: s.source.Flags}
	files := map[string]outputFile{}
	for _, prefix := range s.prefixes {
		route := config.StarterRoute{Prefix: prefix, Schema: schemas[prefix].name}
		starter.Routes = append(starter.Routes, route)
		if route.Schema != "" {
			files[s.schemaPath(route.Schema)] = outputFile{schemas[prefix].text, 0o644}
		}
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
	return s.tellNext(starter, files, secret)
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

// tellNext says what was written, and what to do now.
func (s *start) tellNext(d config.Starter, files map[string]outputFile, secret bool) error {
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
		flag = " --config " + s.source.Path
	}
	if socket == "" {
		socket = config.Default().Socket.Path
	}
	if len(files) > 1 {
		b.WriteString("  read the schemas: what every sample has is required, and formats are those of the samples\n")
	}
	fmt.Fprintf(&b, "  redis-relay check%[1]s\n  redis-relay run%[1]s\n", flag)
	if len(d.Routes) > 0 {
		fmt.Fprintf(&b, "  redis-cli -s %s subscribe %s1\n", socket, d.Routes[0].Prefix)
	}
	_, err := fmt.Fprint(s.stdout, b.String())
	return err
}
