# A site made with Rails around the recipe of the manual: RECIPE, ROUTE (a line of routes.rb), FOLDER, PORT come in.
require 'action_controller/railtie'
require 'rack/handler/webrick'

class Shop < Rails::Application
  config.root = ENV.fetch('FOLDER')
  config.eager_load = false
  config.secret_key_base = 'only-for-this-test-0123456789abcdef'
  config.session_store :cookie_store, key: '_yourapp_session'
  config.logger = Logger.new(File::NULL)
  config.hosts.clear
end

class SessionsController < ActionController::Base
  def sign_in
    session[:user_id] = params[:id].to_i
    head :no_content
  end

  def sign_out
    reset_session
    head :no_content
  end
end

eval(ENV.fetch('RECIPE'), TOPLEVEL_BINDING, 'docs/site-session.md')
Shop.initialize!
Shop.routes.draw do
  instance_eval(ENV.fetch('ROUTE'))
  get '/sign-in', to: 'sessions#sign_in'
  get '/sign-out', to: 'sessions#sign_out'
end
quiet = { Logger: WEBrick::Log.new(File::NULL), AccessLog: [] }
Rack::Handler::WEBrick.run(Shop, Host: '127.0.0.1', Port: ENV.fetch('PORT').to_i, **quiet)
