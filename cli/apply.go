package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/parley-desk/parley/pkg/manifest"
	adminv1 "github.com/parley-desk/parley/proto/gen/parley/admin/v1"
)

func (a *app) applyCommand() *cobra.Command {
	var file string
	req := &adminv1.ApplyRequest{}
	cmd := &cobra.Command{
		Use:   "apply -f FILE|DIR|-",
		Short: "Bring resources to what manifests say, all or none",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			resp, err := a.plan(cmd.Context(), file, req)
			if err != nil {
				return err
			}
			a.tell(resp.GetChanges(), resp.GetVersion(), req.GetValidateOnly())
			return nil
		},
	}
	manifestFlag(cmd, &file)
	commentFlag(cmd, &req.Comment)
	cmd.Flags().BoolVar(&req.ValidateOnly, "dry-run", false, "let the server check and tell the plan, and change nothing")
	return cmd
}

// tell says what became of every resource, what is left to do about it, and which
// version of the configuration that is.
func (a *app) tell(changes []*adminv1.Change, version uint64, dry bool) {
	count := map[string]int{}
	for _, c := range changes {
		a.print("%s/%s %s%s", strings.ReplaceAll(c.GetKind(), "_", ""), c.GetId(), c.GetAction(), note(dry))
		count[c.GetAction()]++
	}
	for _, c := range changes {
		for _, remark := range c.GetRemarks() {
			a.say("%s", remark)
		}
	}
	deleted := ""
	if n := count["deleted"]; n > 0 {
		deleted = fmt.Sprintf("%d deleted, ", n)
	}
	a.say("%d created, %d updated, %s%d unchanged%s", count["created"], count["updated"], deleted, count["unchanged"], note(dry))
	if !dry && count["unchanged"] < len(changes) {
		a.say("this is version %d of the configuration", version)
	}
}

func note(dry bool) string {
	if dry {
		return " (dry run)"
	}
	return ""
}

func manifestFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().VarP((*once)(file), "file", "f", "manifest, folder of manifests (*.yaml, *.yml, *.json), or - for standard input")
}

// once is a text that is given once: of two manifests one would be left out
// without a word.
type once string

func (o *once) String() string { return string(*o) }

func (o *once) Type() string { return "string" }

func (o *once) Set(text string) error {
	if *o != "" {
		return fmt.Errorf("%s was given before; name a folder, or join the manifests and give -", *o)
	}
	*o = once(text)
	return nil
}

func (a *app) diffCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "diff -f FILE|DIR|-",
		Short: "Show what apply would change; exit code 1 when it would",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			resp, err := a.plan(cmd.Context(), file, &adminv1.ApplyRequest{ValidateOnly: true})
			if err != nil {
				return err
			}
			differs := false
			for _, c := range resp.GetChanges() {
				if c.GetAction() == "unchanged" {
					continue
				}
				differs = true
				text, err := changeDiff(c)
				if err != nil {
					return err
				}
				a.print("%s", text)
			}
			if differs {
				return errTold
			}
			return nil
		},
	}
	manifestFlag(cmd, &file)
	return cmd
}

// plan reads manifests and has the server do with them what req says.
func (a *app) plan(ctx context.Context, file string, req *adminv1.ApplyRequest) (*adminv1.ApplyResponse, error) {
	documents, size, err := a.read(file)
	if err != nil {
		return nil, err
	}
	s, err := a.link.open()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	for _, d := range documents {
		req.Resources = append(req.Resources, manifest.Wrap(d.Resource))
	}
	resp, err := s.config.Apply(ctx, req)
	return resp, tooLarge(locate(err, documents), file, size)
}

// tooLarge explains the refusal of a message that is larger than the server
// takes; any other error stays as it is.
func tooLarge(err error, file string, size int) error {
	st, _ := status.FromError(err)
	sizes := larger.FindStringSubmatch(st.Message())
	if st.Code() != codes.ResourceExhausted || sizes == nil {
		return err
	}
	sent, _ := strconv.Atoi(sizes[1])
	limit, _ := strconv.Atoi(sizes[2])
	return fmt.Errorf("%s: %s of manifests are a request of %s, and the server takes %s at once; "+
		"apply parts of it one after the other, first what others refer to: %s",
		file, kibibytes(size), kibibytes(sent), kibibytes(limit), allKinds())
}

// larger is how gRPC says it.
var larger = regexp.MustCompile(`larger than max \((\d+) vs\. (\d+)\)`)

func kibibytes(n int) string { return fmt.Sprintf("%d KiB", (n+1023)/1024) }

// read reads the documents of a file, a folder or standard input, and tells how
// many bytes they are.
func (a *app) read(file string) (documents []manifest.Document, size int, err error) {
	files, err := a.manifests(file)
	if err != nil {
		return nil, 0, err
	}
	var errs []error
	for _, name := range files {
		label, data, err := a.content(name)
		if err != nil {
			return nil, 0, err
		}
		size += len(data)
		more, err := manifest.Read(label, data, a.env)
		documents, errs = append(documents, more...), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, 0, err
	}
	if len(documents) == 0 {
		return nil, 0, fmt.Errorf("%s: holds no resource", file)
	}
	return documents, size, nil
}

func (a *app) content(name string) (string, []byte, error) {
	if name == "-" {
		data, err := io.ReadAll(a.in)
		return "standard input", data, err
	}
	data, err := a.env.ReadFile(name)
	return name, data, err
}

func (a *app) manifests(file string) ([]string, error) {
	if file == "" {
		return nil, errors.New("give a manifest with -f FILE, -f DIR or -f -")
	}
	if file == "-" {
		return []string{file}, nil
	}
	info, err := os.Stat(file)
	if err != nil || !info.IsDir() {
		return []string{file}, err
	}
	entries, err := os.ReadDir(file)
	var files []string
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
			files = append(files, filepath.Join(file, e.Name()))
		}
	}
	return files, err
}

// place finds the resource and the field in a path of the API,
// "resources[2].queue.agents[1]", also where the resources are only tried.
var place = regexp.MustCompile(`^(?:trial\.)?resources\[(\d+)\](?:\.[a-z_]+)?\.?(.*)$`)

// locate says the server's violations in the words of the manifests.
func locate(err error, documents []manifest.Document) error {
	st, ok := status.FromError(err)
	if !ok {
		return err
	}
	var errs []error
	for _, v := range badFields(st) {
		parts := place.FindStringSubmatch(v.GetField())
		if parts == nil {
			return err
		}
		i, _ := strconv.Atoi(parts[1])
		if i >= len(documents) {
			return err
		}
		field := manifest.Field(parts[2])
		errs = append(errs, fmt.Errorf("%s: %s: %s", documents[i].Where(field), field, v.GetDescription()))
	}
	if len(errs) == 0 {
		return err
	}
	return errors.Join(errs...)
}
