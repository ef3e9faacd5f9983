package deploy

// Rendering what is shipped: kustomize and Helm, decoded strictly into
// Kubernetes' own types.

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const examples = "../../examples/kubernetes"

// modes are the two ways to run in a cluster: a folder for kustomize, a value of
// the chart.
var modes = []string{"sidecar", "daemonset"}

// release is the name under which the chart is installed, which makes its
// objects' names those of the plain manifests.
const release = "redis-relay"

// manifests are objects by kind and name: "Deployment/chat".
type manifests map[string]runtime.Object

// names lists the objects.
func (m manifests) names() []string { return slices.Sorted(maps.Keys(m)) }

// find returns an object by kind and name.
func find[T runtime.Object](t *testing.T, m manifests, name string) T {
	t.Helper()
	object, ok := m[name].(T)
	if !ok {
		t.Fatalf("no %s among %s", name, m.names())
	}
	return object
}

// pods returns the pod templates by the name of what makes them.
func (m manifests) pods() map[string]*core.PodTemplateSpec {
	pods := map[string]*core.PodTemplateSpec{}
	for name, object := range m {
		switch object := object.(type) {
		case *apps.Deployment:
			pods[name] = &object.Spec.Template
		case *apps.DaemonSet:
			pods[name] = &object.Spec.Template
		}
	}
	return pods
}

// relay returns the pod that the relay runs in, and its container.
func (m manifests) relay(t *testing.T) (*core.PodTemplateSpec, *core.Container) {
	t.Helper()
	for _, pod := range m.pods() {
		for _, c := range containers(pod) {
			if c.Name == "redis-relay" {
				return pod, c
			}
		}
	}
	t.Fatalf("no container redis-relay in %s", m.names())
	return nil, nil
}

// containers lists all of a pod, in the order in which they start.
func containers(pod *core.PodTemplateSpec) (list []*core.Container) {
	for _, of := range [][]core.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range of {
			list = append(list, &of[i])
		}
	}
	return list
}

// kustomized renders a folder as kubectl apply -k does.
func kustomized(t *testing.T, mode string) manifests {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).
		Run(filesys.MakeFsOnDisk(), filepath.Join(examples, mode))
	if err != nil {
		t.Fatal(err)
	}
	text, err := objects.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, string(text))
}

// templated renders the chart as helm install does, checking the values.
func templated(values map[string]any) (string, error) {
	chart, err := chart.Load(filepath.Join(examples, "chart"))
	if err != nil {
		return "", err
	}
	all, err := util.ToRenderValues(chart, values, common.ReleaseOptions{Name: release, Namespace: "default"}, nil)
	if err != nil {
		return "", err
	}
	files, err := engine.Engine{Strict: true}.Render(chart, all)
	if err != nil {
		return "", err
	}
	return strings.Join(slices.Collect(maps.Values(files)), "\n---\n"), nil
}

// helm renders the chart and decodes it.
func helm(t *testing.T, values map[string]any) manifests {
	t.Helper()
	text, err := templated(values)
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

var separator = regexp.MustCompile(`(?m)^---\n`)

// decode reads YAML documents; an unknown field or a key given twice is an error.
func decode(t *testing.T, text string) manifests {
	t.Helper()
	types := runtime.NewScheme()
	if err := scheme.AddToScheme(types); err != nil {
		t.Fatal(err)
	}
	if err := monitoring.AddToScheme(types); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(types, serializer.EnableStrict).UniversalDeserializer()
	all := manifests{}
	for _, doc := range separator.Split(text, -1) {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		object, kind, err := decoder.Decode([]byte(doc), nil, nil)
		if err != nil {
			t.Fatalf("%v in:\n%s", err, doc)
		}
		name := fmt.Sprintf("%s/%s", kind.Kind, object.(meta.Object).GetName())
		if all[name] != nil {
			t.Errorf("%s is there twice", name)
		}
		all[name] = object
	}
	return all
}
