// Package deploy holds the tests of how the relay is installed: the container
// image, the Kubernetes manifests and the Helm chart, the systemd unit. It is a
// module of its own, so that what reads manifests stays out of the relay's.
//
// The image is built by carrying out the Dockerfile's instructions, with this
// machine in the place of the base image, and runs as a container runtime would
// run it: another root, read-only, as another user. That needs Linux and root.
//
// Not shown here: that Docker builds the same, and that a cluster or systemd as
// the first process does with the manifests and the unit what it says it does.
package deploy
