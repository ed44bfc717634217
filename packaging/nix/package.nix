# Both programs, with manual pages and completions.
{
  lib,
  rustPlatform,
  installShellFiles,
}:
let
  manifest = lib.importTOML ../../Cargo.toml;
in
rustPlatform.buildRustPackage {
  pname = "callsheet";
  version = manifest.workspace.package.version;
  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;

  buildType = "dist";
  cargoBuildFlags = [ "--bin=callsheet" "--bin=callsheet-mock" ];
  # They listen on loopback and send signals, which the sandbox restricts; CI runs them.
  doCheck = false;

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    $out/bin/callsheet man > callsheet.1
    installManPage callsheet.1
    installShellCompletion --cmd callsheet \
      --bash <($out/bin/callsheet completions bash) \
      --zsh <($out/bin/callsheet completions zsh) \
      --fish <($out/bin/callsheet completions fish)
  '';

  meta = {
    inherit (manifest.package) description;
    license = with lib.licenses; [ mit asl20 ];
    mainProgram = "callsheet";
  };
}
