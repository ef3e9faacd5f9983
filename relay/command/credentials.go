package command

// Playing the helper of redis.credentials.command for the clouds' own Redis services.

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"redis-relay/relay/command/clouds"
)

// cloudNames are the clouds that credentials knows.
var cloudNames = []string{"aws", "azure", "google"}

// flagsOfClouds says which cloud a flag goes with. --user goes with all.
var flagsOfClouds = map[string]string{
	"service": "aws", "cache": "aws", "serverless": "aws", "region": "aws", "client-id": "azure",
}

// awsServices are the services of AWS whose tokens can be made.
var awsServices = []string{"elasticache", "memorydb"}

// credentialsCommand is one call of credentials.
type credentialsCommand struct {
	*program

	user  string
	aws   clouds.AWSOptions
	azure clouds.AzureOptions
}

func (p *program) credentialsCommand() *cobra.Command {
	c := &credentialsCommand{program: p}
	cmd := &cobra.Command{
		Use: "credentials aws|azure|google", Short: "print a cloud's token for its Redis, for redis.credentials.command",
		SuggestFor: []string{"token", "login", "auth", "iam", "entra"},
		Args:       c.judge,
		ValidArgs:  cloudNames,
		Long: `For example, in relay.yaml:
  redis:
    url: rediss://my-cache.internal:6379
    credentials:
      command: [redis-relay, credentials, aws, --cache=my-cache, --user=relay, --region=eu-west-1]

It prints user, token and expiry as JSON, as redis.credentials.command wants them, or says on
stderr why there are none. It takes at most 10 s, and asks no relay and no Redis.

aws is for ElastiCache and MemoryDB. It needs --cache, --user and a region. The identity is that
of AWS_ACCESS_KEY_ID, of a web identity, of ECS or EKS Pod Identity, or of the EC2 instance;
profiles are not read. azure is for Azure Managed Redis and Azure Cache for Redis. The identity is
that of AZURE_CLIENT_SECRET, a workload identity, or a managed identity. google is for
Memorystore. The identity is that of Google's application default credentials.`,
		RunE: func(_ *cobra.Command, args []string) error { return c.run(context.Background(), args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&c.user, "user", "",
		"`NAME` of the user at Redis: needed for aws; azure: the object id (default: that of the token); google: default")
	flags.StringVar(&c.aws.Service, "service", awsServices[0], "aws: `SERVICE` of the cache: elasticache or memorydb")
	flags.StringVar(&c.aws.Cache, "cache", "", "aws: `NAME` of the replication group, serverless cache or cluster")
	flags.BoolVar(&c.aws.Serverless, "serverless", false, "aws: the cache is a serverless one of ElastiCache")
	flags.StringVar(&c.aws.Region, "region", "", "aws: `REGION` of the cache (default: AWS_REGION or AWS_DEFAULT_REGION)")
	flags.StringVar(&c.azure.ClientID, "client-id", "",
		"azure: client `ID` of the identity (default: AZURE_CLIENT_ID, or the one of the system)")
	complete(cmd, map[string][]string{
		"user": nil, "service": awsServices, "cache": nil, "region": nil, "client-id": nil,
	})
	return cmd
}

// judge refuses what does not go together, and what is missing.
func (c *credentialsCommand) judge(cmd *cobra.Command, args []string) (err error) {
	switch {
	case len(args) == 0 || !slices.Contains(cloudNames, args[0]):
		return wrongUsage("credentials needs one cloud: %s", strings.Join(cloudNames, ", "))
	case len(args) > 1:
		return wrongUsage("unexpected argument %q", args[1])
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if cloud, ok := flagsOfClouds[f.Name]; ok && cloud != args[0] && err == nil {
			err = wrongUsage("--%s goes with credentials %s", f.Name, cloud)
		}
	})
	if err != nil || args[0] != "aws" {
		return err
	}
	return c.judgeAWS()
}

func (c *credentialsCommand) judgeAWS() error {
	c.aws.User, c.aws.Region = c.user, cmp.Or(c.aws.Region, clouds.Region())
	switch {
	case !slices.Contains(awsServices, c.aws.Service):
		return wrongUsage("--service: %q is not known; write %s", c.aws.Service, strings.Join(awsServices, " or "))
	case c.aws.Serverless && c.aws.Service != "elasticache":
		return wrongUsage("--serverless goes with --service=elasticache")
	case c.aws.Cache == "":
		return wrongUsage("credentials aws needs --cache=NAME: of the replication group, serverless cache or cluster")
	case strings.ContainsAny(c.aws.Cache, ".:/?#@% "):
		return wrongUsage("--cache: %q is no name; write that of the cache, not its address", c.aws.Cache)
	case c.aws.User == "":
		return wrongUsage("credentials aws needs --user=NAME: of the user whose authentication mode is IAM")
	case c.aws.Region == "":
		return wrongUsage("credentials aws needs --region=REGION: of the cache; or AWS_REGION in the environment")
	}
	return nil
}

// run prints the login that a cloud gives.
func (c *credentialsCommand) run(ctx context.Context, cloud string) error {
	l, err := c.login(ctx, cloud)
	if err != nil {
		return fmt.Errorf("credentials %s: %w", cloud, err)
	}
	out := json.NewEncoder(c.stdout)
	out.SetEscapeHTML(false)
	return out.Encode(struct {
		User     string `json:"username"`
		Password string `json:"password"`
		Expires  string `json:"expiresAt"`
	}{l.User, l.Password, l.Expires.UTC().Format(time.RFC3339)})
}

func (c *credentialsCommand) login(ctx context.Context, cloud string) (clouds.Login, error) {
	switch cloud {
	case "aws":
		return clouds.AWS(ctx, c.aws)
	case "azure":
		c.azure.User = c.user
		return clouds.Azure(ctx, c.azure)
	}
	return clouds.Google(ctx, c.user)
}
