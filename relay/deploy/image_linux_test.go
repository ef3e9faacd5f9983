package deploy

// Building the image without Docker: the Dockerfile's instructions are carried
// out one by one, in folders, with this machine in the place of the base image.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const (
	repository = "../.."

	// testVersion is the build argument VERSION.
	testVersion = "1.2.3-test"
)

// image is what the Dockerfile makes.
type image struct {
	root    string // its files
	env     []string
	user    string // uid:gid
	command []string
	health  []string
	stages  map[string]string // folders of the stages before
	workdir string
	args    []string
}

// built is the one build that all tests share. Its folder is removed by TestMain.
var built = sync.OnceValues(func() (*image, error) { return build(filepath.Join(scratch, "image")) })

// scratch is a folder for all tests; everybody may enter it. Set by TestMain.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Geteuid() != 0 {
			_, _ = fmt.Fprintln(os.Stderr, "these tests mount, and run as other users: let root run them (make deploy)")
			return 1
		}
		var err error
		if scratch, err = os.MkdirTemp("", "rr"); err == nil {
			err = os.Chmod(scratch, 0o755)
		}
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(scratch) }()
		return m.Run()
	}())
}

// shipped returns the image.
func shipped(t *testing.T) *image {
	t.Helper()
	i, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// build carries out the Dockerfile in dir.
func build(dir string) (*image, error) {
	context := filepath.Join(dir, "context")
	if err := copyContext(context); err != nil {
		return nil, err
	}
	stages, err := readDockerfile()
	if err != nil {
		return nil, err
	}
	var i *image
	done := map[string]string{"": context}
	for n, stage := range stages {
		i = &image{root: filepath.Join(dir, strconv.Itoa(n)), workdir: "/", stages: done}
		if err := os.MkdirAll(i.root, 0o755); err != nil {
			return nil, err
		}
		for _, command := range stage.Commands {
			if err := i.carryOut(command); err != nil {
				return nil, fmt.Errorf("%s: %w", command, err)
			}
		}
		if stage.Name != "" {
			done[stage.Name] = i.root
		}
	}
	return i, nil
}

func readDockerfile() ([]instructions.Stage, error) {
	f, err := os.Open(filepath.Join(repository, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	parsed, err := parser.Parse(f)
	if err != nil {
		return nil, err
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	return stages, err
}

// copyContext copies what .dockerignore lets through. Nothing in a folder that is
// left out is let in again.
func copyContext(to string) error {
	f, err := os.Open(filepath.Join(repository, ".dockerignore"))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	patterns, err := ignorefile.ReadAll(f)
	if err != nil {
		return err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	return filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(repository, path)
		if err != nil || relErr != nil || name == "." {
			return errors.Join(err, relErr)
		}
		out, err := ignored.MatchesOrParentMatches(name)
		switch {
		case err != nil:
			return err
		case out && entry.IsDir():
			return filepath.SkipDir
		case out || entry.IsDir():
			return nil
		}
		return copyFile(path, filepath.Join(to, name))
	})
}

// carryOut does one instruction. One that the Dockerfile does not have yet is an
// error, rather than left out.
func (i *image) carryOut(command instructions.Command) error {
	switch c := command.(type) {
	case *instructions.WorkdirCommand:
		i.workdir = c.Path
		return os.MkdirAll(filepath.Join(i.root, c.Path), 0o755)
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			if arg.Key != "VERSION" {
				return fmt.Errorf("no value for %s", arg.Key)
			}
			i.args = append(i.args, arg.Key+"="+testVersion)
		}
	case *instructions.CopyCommand:
		return i.copy(c)
	case *instructions.RunCommand:
		return i.run(strings.Join(c.CmdLine, " "))
	case *instructions.EnvCommand:
		for _, v := range c.Env {
			i.env = append(i.env, v.Key+"="+v.Value)
		}
	case *instructions.UserCommand:
		i.user = c.User
	case *instructions.HealthCheckCommand:
		i.health = c.Health.Test[1:] // after CMD
	case *instructions.EntrypointCommand:
		i.command = c.CmdLine
	case *instructions.CmdCommand:
		i.command = slices.Concat(i.command, c.CmdLine)
	case *instructions.ExposeCommand: // documentation
	default:
		return fmt.Errorf("this test does not know %s", command.Name())
	}
	return nil
}

// copy is COPY. What an earlier stage has not made comes from its base image,
// which is this machine.
func (i *image) copy(c *instructions.CopyCommand) error {
	to := c.DestPath
	if !filepath.IsAbs(to) {
		to = filepath.Join(i.workdir, to) + "/"
	}
	for _, source := range c.SourcePaths {
		from := filepath.Join(i.stages[c.From], source)
		info, err := os.Stat(from)
		if err != nil && c.From != "" {
			from = source
			info, err = os.Stat(from)
		}
		if err != nil {
			return err
		}
		target := filepath.Join(i.root, to)
		switch {
		case info.IsDir():
			err = copyTree(from, target)
		case strings.HasSuffix(to, "/"):
			err = copyFile(from, filepath.Join(target, filepath.Base(source)))
		default:
			err = copyFile(from, target)
		}
		if err != nil {
			return err
		}
		if err := chown(target, c.Chown); err != nil {
			return err
		}
	}
	return nil
}

// chown gives a folder and all in it to owner ("uid:gid").
func chown(dir, owner string) error {
	if owner == "" {
		return nil
	}
	var uid, gid int
	if _, err := fmt.Sscanf(owner, "%d:%d", &uid, &gid); err != nil {
		return fmt.Errorf("owner %q: %w; give numbers, for the image has no /etc/passwd", owner, err)
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// copyTree copies a folder into another, over what is there.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		name, relErr := filepath.Rel(from, path)
		switch {
		case err != nil || relErr != nil:
			return errors.Join(err, relErr)
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		return copyFile(path, filepath.Join(to, name))
	})
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode())
}

// run is RUN: the stage's folder becomes the root, with this machine's folders
// mounted in it for as long as the command takes.
func (i *image) run(command string) error {
	const script = `set -eu
for entry in /*; do
	if [ -L "$entry" ]; then
		[ -L "$ROOT$entry" ] || cp -P "$entry" "$ROOT$entry"
	elif [ -d "$entry" ]; then
		mkdir -p "$ROOT$entry"
		mount --rbind "$entry" "$ROOT$entry"
	fi
done
exec chroot "$ROOT" /bin/sh -c "cd '$WORKDIR' && $COMMAND"`
	cmd := exec.Command("unshare", "--mount", "sh", "-c", script)
	cmd.Env = slices.Concat(os.Environ(), i.args, []string{"ROOT=" + i.root, "WORKDIR=" + i.workdir, "COMMAND=" + command})
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
