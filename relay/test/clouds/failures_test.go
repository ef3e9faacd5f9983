package clouds

// What credentials says when there is no token.

import (
	"testing"

	"redis-relay/relay/test/process"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		says string
	}{
		{nil, "credentials needs one cloud: aws, azure, google"},
		{[]string{"ibm"}, "credentials needs one cloud: aws, azure, google"},
		{[]string{"google", "azure"}, `unexpected argument "azure"`},
		{[]string{"google", "--cache=c"}, "--cache goes with credentials aws"},
		{[]string{"aws", "--client-id=c"}, "--client-id goes with credentials azure"},
		{[]string{"aws"}, "credentials aws needs --cache=NAME"},
		{[]string{"aws", "--cache=c.abc.cache.amazonaws.com"}, "write that of the cache, not its address"},
		{[]string{"aws", "--cache=c"}, "credentials aws needs --user=NAME"},
		{[]string{"aws", "--cache=c", "--user=u"}, "credentials aws needs --region=REGION: of the cache; or AWS_REGION"},
		{[]string{"aws", "--service=s3"}, `--service: "s3" is not known; write elasticache or memorydb`},
		{[]string{"aws", "--service=memorydb", "--serverless"}, "--serverless goes with --service=elasticache"},
	} {
		r := run(t, nil, tt.args...)
		r.says(t, 2, tt.says, "Try redis-relay --help.")
	}
}

// Where nobody answers, or answers nothing, credentials says whom it has asked, in time.
func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env, args []string
		says      string
	}{
		"no EC2": {
			[]string{"AWS_EC2_METADATA_DISABLED=true"}, forCache, "credentials aws: no AWS identity from EC2's metadata service",
		},
		"profile": {
			[]string{"AWS_EC2_METADATA_DISABLED=true", "AWS_PROFILE=p"},
			forCache,
			"profiles are not read; give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as aws configure export-credentials",
		},
		"EC2": {
			[]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://" + process.FreeAddress(t)},
			forCache,
			"no AWS identity from EC2's metadata service",
		},
		"silent EC2": {
			[]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://" + silent(t)},
			forCache,
			"no AWS identity from EC2's metadata service",
		},
		"silent STS": {
			[]string{
				"AWS_ENDPOINT_URL_STS=http://" + silent(t), "AWS_ROLE_ARN=r", "AWS_WEB_IDENTITY_TOKEN_FILE=" + file(t, "sesame"),
			}, forCache, "no AWS identity from the web identity",
		},
		"Azure": {
			[]string{"IDENTITY_ENDPOINT=http://" + process.FreeAddress(t), "IDENTITY_HEADER=sesame"},
			[]string{"azure"},
			"credentials azure: no token for the managed identity",
		},
		"silent Azure": {
			[]string{"IDENTITY_ENDPOINT=http://" + silent(t), "IDENTITY_HEADER=sesame"},
			[]string{"azure"},
			"credentials azure: no token for the managed identity",
		},
		"Google": {
			[]string{"GCE_METADATA_HOST=" + process.FreeAddress(t)}, []string{"google"}, "credentials google: ",
		},
		"silent Google": {
			[]string{"GCE_METADATA_HOST=" + silent(t)}, []string{"google"}, "credentials google: Google gives no token: no answer within 10s",
		},
		"Google's file": {
			[]string{"GOOGLE_APPLICATION_CREDENTIALS=/no/such/file"},
			[]string{"google"},
			"GOOGLE_APPLICATION_CREDENTIALS environment variable: open /no/such/file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := once(t, tt.env, tt.args...)
			r.says(t, 1, tt.says)
			t.Log(r.took, r.stderr)
		})
	}
}
