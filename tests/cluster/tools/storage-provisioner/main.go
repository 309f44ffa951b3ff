// Command storage-provisioner gives the local cluster its dynamic storage: a folder of the machine for each claim,
// as a volume of type "local", because that is the only node-local type whose fsGroup kubelet honours.
// It also lets claims grow; a folder has no size, so growing only means writing down the new capacity.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisionerName = "telecom.dev/local-folder"

// folders makes and removes the folder behind a volume.
type folders struct {
	root string
	node string
}

func (f folders) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	if mode := options.PVC.Spec.VolumeMode; mode != nil && *mode == v1.PersistentVolumeBlock {
		return nil, controller.ProvisioningFinished, errors.New("the local cluster has no block volumes")
	}
	path := filepath.Join(f.root, options.PVName)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("make the volume's folder: %w", err)
	}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			MountOptions:                  options.StorageClass.MountOptions,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: options.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{f.node}}},
			}}}},
		},
	}, controller.ProvisioningFinished, nil
}

func (f folders) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	// Only a direct child of our own folder: a hand-written volume may carry any path.
	if volume.Spec.Local == nil || filepath.Dir(filepath.Clean(volume.Spec.Local.Path)) != filepath.Clean(f.root) {
		return &controller.IgnoredError{Reason: "the volume's folder is not one of ours"}
	}
	return os.RemoveAll(volume.Spec.Local.Path)
}

// grow writes a larger request into the volume and then into the claim's status, where its owner sees it.
func grow(ctx context.Context, client kubernetes.Interface, claim *v1.PersistentVolumeClaim) error {
	wanted := claim.Spec.Resources.Requests[v1.ResourceStorage]
	if claim.Status.Phase != v1.ClaimBound || wanted.Cmp(claim.Status.Capacity[v1.ResourceStorage]) <= 0 {
		return nil
	}
	volume, err := client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read the volume %s: %w", claim.Spec.VolumeName, err)
	}
	if volume.Annotations["pv.kubernetes.io/provisioned-by"] != provisionerName {
		return nil
	}
	capacity := map[string]string{"storage": wanted.String()}
	if err := mergePatch(map[string]any{"spec": map[string]any{"capacity": capacity}}, func(patch []byte) error {
		_, err := client.CoreV1().PersistentVolumes().Patch(ctx, volume.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	}); err != nil {
		return fmt.Errorf("grow the volume %s: %w", volume.Name, err)
	}
	if err := mergePatch(map[string]any{"status": map[string]any{"capacity": capacity, "conditions": []any{}}}, func(patch []byte) error {
		_, err := client.CoreV1().PersistentVolumeClaims(claim.Namespace).Patch(ctx, claim.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		return err
	}); err != nil {
		return fmt.Errorf("grow the claim %s/%s: %w", claim.Namespace, claim.Name, err)
	}
	klog.InfoS("claim grown", "namespace", claim.Namespace, "claim", claim.Name, "to", wanted.String())
	return nil
}

func mergePatch(body map[string]any, send func([]byte) error) error {
	patch, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return send(patch)
}

func watchForGrowth(ctx context.Context, client kubernetes.Interface) error {
	factory := informers.NewSharedInformerFactory(client, 0)
	handle := func(object any) {
		claim, ok := object.(*v1.PersistentVolumeClaim)
		if !ok {
			return
		}
		if err := grow(ctx, client, claim); err != nil {
			// The next change of the claim tries again; the controller-manager writes one whenever a claim waits to grow.
			klog.ErrorS(err, "growing a claim")
		}
	}
	_, err := factory.Core().V1().PersistentVolumeClaims().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    handle,
		UpdateFunc: func(_, object any) { handle(object) },
	})
	if err != nil {
		return err
	}
	factory.Start(ctx.Done())
	return nil
}

func run() error {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the apiserver")
	root := flag.String("root", "", "the folder that holds the volumes")
	node := flag.String("node", "", "the node that this machine is")
	klog.InitFlags(nil)
	flag.Parse()
	if *kubeconfig == "" || *root == "" || *node == "" {
		return errors.New("-kubeconfig, -root and -node are all needed")
	}
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := watchForGrowth(ctx, client); err != nil {
		return err
	}
	controller.NewProvisionController(ctx, client, provisionerName, folders{root: *root, node: *node}, controller.LeaderElection(false)).Run(ctx)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "storage-provisioner:", err)
		os.Exit(1)
	}
}
