// source-controller with its GitRepository reconciler alone: the reconciler, the storage and the server of artifacts are
// Flux's own, and so is what a GitRepository becomes. Charts, buckets and OCI artifacts, which want 909 packages
// more (helm, cosign, notation and the clouds' storage), are left out. It stands in for that module's main.go.
package main

import (
	"fmt"
	"os"

	flag "github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	artcfg "github.com/fluxcd/pkg/artifact/config"
	artdigest "github.com/fluxcd/pkg/artifact/digest"
	artsrv "github.com/fluxcd/pkg/artifact/server"
	artstore "github.com/fluxcd/pkg/artifact/storage"
	helper "github.com/fluxcd/pkg/runtime/controller"
	"github.com/fluxcd/pkg/runtime/events"
	feathelper "github.com/fluxcd/pkg/runtime/features"
	"github.com/fluxcd/pkg/runtime/logger"
	"github.com/fluxcd/pkg/runtime/metrics"
	"github.com/fluxcd/pkg/runtime/probes"

	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"github.com/fluxcd/source-controller/internal/controller"
	"github.com/fluxcd/source-controller/internal/features"
)

const name = "source-controller"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var (
		health, metricsAddr string
		artifacts           artcfg.Options
		log                 logger.Options
		limits              helper.RateLimiterOptions
		gates               feathelper.FeatureGates
		watch               helper.WatchOptions
	)
	flag.StringVar(&health, "health-addr", ":9440", "where it says whether it is ready")
	flag.StringVar(&metricsAddr, "metrics-addr", "0", "where its metrics are")
	artifacts.BindFlags(flag.CommandLine)
	log.BindFlags(flag.CommandLine)
	limits.BindFlags(flag.CommandLine)
	gates.BindFlags(flag.CommandLine)
	watch.BindFlags(flag.CommandLine)
	flag.Parse()
	logger.SetLogger(logger.NewLogger(log))

	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(sourcev1.AddToScheme(scheme))
	setup := ctrl.Log.WithName("setup")
	if err := gates.WithLogger(setup).SupportedFeatures(features.FeatureGates()); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 scheme,
		HealthProbeBindAddress: health,
		Metrics:                metricsserver.Options{BindAddress: metricsAddr},
	})
	if err != nil {
		return err
	}
	probes.SetupChecks(manager, setup)
	recorder, err := events.NewRecorder(manager, ctrl.Log, "", name)
	if err != nil {
		return err
	}
	if artdigest.Canonical, err = artdigest.AlgorithmForName(artifacts.ArtifactDigestAlgo); err != nil {
		return err
	}
	storage, err := artstore.New(&artifacts)
	if err != nil {
		return err
	}
	reconciler := &controller.GitRepositoryReconciler{
		Client:         manager.GetClient(),
		EventRecorder:  recorder,
		Metrics:        helper.NewMetrics(manager, metrics.MustMakeRecorder(), sourcev1.SourceFinalizer),
		Storage:        storage,
		ControllerName: name,
	}
	options := controller.GitRepositoryReconcilerOptions{RateLimiter: helper.GetRateLimiter(limits)}
	if err := reconciler.SetupWithManager(manager, options); err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	go func() {
		<-manager.Elected()
		if err := artsrv.Start(ctx, &artifacts); err != nil {
			setup.Error(err, "the server of artifacts ended")
			os.Exit(1)
		}
	}()
	return manager.Start(ctx)
}
